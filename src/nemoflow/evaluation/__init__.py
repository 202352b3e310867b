"""What a student is worth: greedy rollouts, the contest's score, and the page that reports a whole run."""
