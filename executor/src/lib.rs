//! Definitions, graph, selection and in-process runs of asset pipelines.
