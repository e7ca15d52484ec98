"""May this drive be written? Every unknown is a refusal. Used by benchmarks and by filesystem changes alike."""
