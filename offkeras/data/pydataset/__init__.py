"""Videos for `fit` without TensorFlow: the clips of the tf.data pipelines, in NumPy."""
