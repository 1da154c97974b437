import { decider, reject } from "hitherto/core";

/** The example domain of the core's tests. */
export const account = decider("account", {
  initial: () => ({ open: false, balance: 0 }),
  evolve: {
    AccountOpened: (state, _data: { owner: string }) => ({ ...state, open: true }),
    MoneyDeposited: (state, data: { amount: number }) => ({ ...state, balance: state.balance + data.amount }),
  },
  decide: {
    open: (state, payload: { owner: string; deposit?: number }) => {
      if (state.open) return undefined;
      const opened = { type: "AccountOpened", data: { owner: payload.owner } } as const;
      if (payload.deposit === undefined) return opened;
      return [opened, { type: "MoneyDeposited", data: { amount: payload.deposit } }];
    },
    deposit: (state, payload: { amount: number }) =>
      state.open
        ? { type: "MoneyDeposited", data: payload }
        : reject("account-not-open", "Open the account first.", { amount: payload.amount }),
    close: () => reject("not-allowed", "Accounts stay open."),
  },
});
