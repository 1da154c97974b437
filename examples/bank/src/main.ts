// A morning at the bank: `npm run bank`, in memory and gone afterwards, or `npm run bank -- bank.db`, or the URL of any
// other store that is empty or not there yet.
import { open } from "hitherto";
import { tellStory } from "./story.ts";

const [url = "memory:"] = process.argv.slice(2);
await using store = await open(url);
await tellStory(store, (line) => console.log(line));
