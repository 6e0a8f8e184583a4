"""`offkeras show`."""


def add_parser(commands):
    """Adds the command."""
    parser = commands.add_parser(
        "show",
        help="draw the OFF of two frames, or what a recognizer looks at or confuses",
        description="Draws Fx, Fy and Ft of the brightness of two frames, or of a "
        "recognizer's features; where a recognizer sees a class; or which classes it "
        "confuses.",
        epilog="example: offkeras show walk.mp4 --frame 40 --output motion.png",
    )
    parser.add_argument("video", nargs="?", help="video file")
    parser.add_argument(
        "--frame", type=int, default=0, help="earlier frame (default: 0)"
    )
    parser.add_argument(
        "--interval",
        type=int,
        help="frames to the later one (default: 1; with --cam the model's)",
    )
    parser.add_argument("--model", help="as in classify; default: brightness itself")
    parser.add_argument(
        "--level", type=int, help="OFF level 1-3 of --model (default: 1)"
    )
    parser.add_argument(
        "--cam",
        nargs="?",
        const="",
        metavar="CLASS",
        help="class activation maps of --model instead (default: of the most probable "
        "class)",
    )
    parser.add_argument(
        "--confusion",
        metavar="RESULTS",
        help="instead, the confusion matrix of what classify --json has written for a "
        "folder of class folders, or of scores of offkeras evaluate actions",
    )
    parser.add_argument(
        "--output", default="motion.png", help="PNG (default: motion.png)"
    )
    parser.set_defaults(run=run)


def run(arguments):
    """Draws what the options say."""
    if (arguments.video is None) == (arguments.confusion is None):
        raise ValueError("Expected a video, or --confusion, and not both.")
    if arguments.frame < 0:
        raise ValueError(
            f"Expected --frame to be at least 0. Received: {arguments.frame}."
        )
    if arguments.interval is not None and arguments.interval < 1:
        raise ValueError(
            f"Expected --interval to be at least 1. Received: {arguments.interval}."
        )
    has_levels = arguments.model and arguments.cam is None
    if arguments.level is not None and not has_levels:
        raise ValueError("--level is for --model, without --cam.")
    if arguments.confusion:
        _confusion(arguments)
    elif arguments.cam is not None:
        _activation(arguments)
    else:
        _motion(arguments)
    print(arguments.output)


def _confusion(arguments):
    from offkeras import inference

    matrix, names = inference.read_confusion(arguments.confusion)
    inference.draw_confusion_matrix(matrix, names, arguments.output)


def _motion(arguments):
    from offkeras import data, inference

    recognizer = None
    if arguments.model:
        recognizer = inference.trained_model(arguments.model, "recognizer").load()
    interval = 1 if arguments.interval is None else arguments.interval
    indices = [arguments.frame, arguments.frame + interval]
    frames = data.read_frames(arguments.video, indices)
    level = 1 if arguments.level is None else arguments.level
    maps = inference.motion_maps(frames, recognizer=recognizer, level=level)
    inference.draw_motion(frames, maps, arguments.output)


def _activation(arguments):
    from offkeras import data, inference

    trained = inference.trained_model(arguments.model or "moving_camera", "recognizer")
    recognizer = trained.load()
    names = trained.class_names
    label = None
    if arguments.cam:
        if names is None or arguments.cam not in names:
            raise ValueError(
                f"Expected --cam to be one of {names}. Received: {arguments.cam}."
            )
        label = names.index(arguments.cam)
    count = recognizer.input["frames"].shape[1] or 2
    interval = arguments.interval
    if interval is None:
        interval = trained.defaults.get("interval", 1)
    indices = [arguments.frame + i * interval for i in range(count)]
    frames = data.read_frames(arguments.video, indices)
    view = data.center_crop(frames, recognizer.input["frames"].shape[2]).numpy()
    label, maps = inference.activation_maps(view, recognizer, label=label)
    name = names[label] if names else str(label)
    inference.draw_activation(view, maps, arguments.output, title=name)
