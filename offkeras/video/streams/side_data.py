"""What a decoded frame carries beside its pixels."""

UNNAMED = 8  # kinds of it behind the last one that PyAV has a name for


def side_data(frame):
    """The side data of an `av.VideoFrame` by name, such as `\"DISPLAYMATRIX\"`."""
    try:
        return frame.side_data
    except ValueError:  # PyAV has no name for a kind of it, such as Exif
        return _with_known_side_data(frame).side_data


def _with_known_side_data(frame):
    """The frame without the side data that PyAV has no name for."""
    import av
    from av.sidedata.sidedata import Type

    last = max(kind.value for kind in Type)
    graph = av.filter.Graph()
    nodes = [
        graph.add_buffer(
            width=frame.width,
            height=frame.height,
            format=frame.format.name,
            time_base=frame.time_base,
        ),
        *(
            graph.add("sidedata", f"mode=delete:type={kind}")
            for kind in range(last + 1, last + 1 + UNNAMED)
        ),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*nodes).configure()
    graph.push(frame)
    return graph.pull()
