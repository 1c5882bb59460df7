/** Runs that go on while the page reloads: what the tab remembers of them, and how it finds them again. */

import { get, query } from "./api.js";
import { Job } from "./job.js";
import { TAB } from "./tab.js";

/**
 * Have the next page in this tab find a run.
 * @param {"first"|"second"} place beside the other classifier's
 * @param {Job} job
 * @param {boolean} [following] false if the picture does not show its newest frame
 */
export function rememberRun(place, job, following = true) {
  sessionStorage.setItem(`${place} run`, JSON.stringify({ id: job.id, following }));
}

/** Its end was seen. @param {"first"|"second"} place */
export const forgetRun = (place) => sessionStorage.removeItem(`${place} run`);

const remembered = (place) => JSON.parse(sessionStorage.getItem(`${place} run`)) ?? {};

/** After the page was reloaded: find the runs that this tab had begun. @param {Object} studio see main.js */
export async function rejoin({ state, run, compare }) {
  const { jobs } = await get(query("jobs", { tab: TAB }));
  const live = jobs.filter(({ status }) => status === "running" || status === "queued");
  const here = ({ order }) => order.model === state.classifier.name;
  const known = (place) => jobs.find(({ job }) => job === remembered(place).id);
  // The page may have been left before the studio had told it of a run.
  const first = known("first") ?? live.find(here);
  const second = known("second") ?? live.find((one) => one !== first && !here(one));
  const { following = true } = remembered("first");
  if (first) run.rejoin(new Job(first.job, first.order), following);
  if (second) compare.attach(new Job(second.job, second.order));
}
