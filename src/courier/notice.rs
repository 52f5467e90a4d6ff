//! Reports to senders, as items of the queue.
