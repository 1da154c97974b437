/**
 * What is damaged must not keep anybody from removing it.
 */
import { isHithertoError } from "../core/errors.ts";

/** What is read, or `"damaged"`. */
export async function unlessDamaged<Value>(read: () => Promise<Value>): Promise<Value | "damaged"> {
  try {
    return await read();
  } catch (error) {
    if (isHithertoError(error, "STORE_DAMAGED")) return "damaged";
    throw error;
  }
}
