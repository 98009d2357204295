"""The report: a static site that opens from a file, one page a neuron, searchable without a server.

build         the whole site
front_page    the run at a glance, and the neurons it shows
pages         the page of one neuron, and those of lists that one thing dominates
site_data     labels, neuron map and search index, as scripts that a page may load
render        the templates' environment
"""
