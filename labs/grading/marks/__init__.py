"""From a submission to the gradebook: one attempt, its marks, a class, many machines."""
