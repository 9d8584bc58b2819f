"""Mail. A notice is written in the transaction that makes its fact true, and sent once that has committed."""
