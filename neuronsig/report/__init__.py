"""The report: a static site that opens from a file, one page a neuron, searchable without a server.

build         the whole site
front_page    the run at a glance, and the neurons it shows
neuron_page   the page of one neuron
dominated     the pages of lists that one thing dominates
site_data     labels and the neuron map, as scripts that a page may load
search_index  terms -> neurons, likewise
render        the templates' environment
"""
