// The page works without this file; with it the picture can be moved, evidence and picture find each other, and feedback
// stays on the page.

import { startEvidence } from "./evidence.js";
import { startFeedback } from "./feedback.js";
import { startTimeline } from "./timeline.js";

const timeline = startTimeline();
startEvidence(timeline);
startFeedback();
