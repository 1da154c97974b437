// A morning at the bank: `npm run bank`. Everything happens in memory and is gone afterwards.
import { open } from "hitherto";
import { tellStory } from "./story.ts";

await using store = await open("memory:");
await tellStory(store, (line) => console.log(line));
