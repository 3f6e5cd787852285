"""Sources, Beam jobs, the `tf.data` feed and the command line.

The only package that knows Beam; `pipelines.feed` does not import it. Only the modules under
`pipelines.sources` know ObsPy and h5py.
"""
