"""The layers of a decoder, each as the nodes that compute it."""
