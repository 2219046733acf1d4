// What the owner likes, from the settings: order of names, from where on review is due.
import { likes } from "./song.js";

export function useSettings(all) {
  if (all["dashboard.order"]) likes.order = all["dashboard.order"].value;
  if (all["dashboard.review_below"]) likes.reviewBelow = all["dashboard.review_below"].value;
}
