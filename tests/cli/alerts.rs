//! What is told of jobs, and when.
