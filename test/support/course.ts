import type { DecisionModel } from "hitherto/core";
import { decisionModel } from "hitherto/core";

/** How many students a course takes. */
export function capacityOf(course: string): DecisionModel<number> {
  return decisionModel({
    tags: [`course:${course}`],
    initial: () => 0,
    evolve: {
      CourseDefined: (_capacity, data: { capacity: number }) => data.capacity,
      CapacityChanged: (_capacity, data: { capacity: number }) => data.capacity,
    },
  });
}

/** Who has subscribed to a course. */
export function subscriptionsOf(course: string): DecisionModel<readonly string[]> {
  return decisionModel({
    tags: [`course:${course}`],
    initial: (): readonly string[] => [],
    evolve: { StudentSubscribed: (students, data: { student: string }) => [...students, data.student] },
  });
}
