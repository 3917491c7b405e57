"""What pages, API and stream share: who asks, what an event looks like, connections."""
