"""``order``: whether the anchored order answers as well as the order the model was trained on."""
