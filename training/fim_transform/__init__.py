"""From a document to a training sample: which part is the middle, and how it is presented."""
