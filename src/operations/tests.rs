//! Unit tests of operations over replayed responses under paused time.
