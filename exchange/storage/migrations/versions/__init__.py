"""The revisions, oldest first. One that was released is never edited: a later one mends it."""
