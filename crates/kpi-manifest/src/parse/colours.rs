//! The colours that `docs.node_color` may have.

/// Names of colours in HTML.
const NAMES: &str = "\
     aliceblue antiquewhite aqua aquamarine azure beige bisque black blanchedalmond blue blueviolet brown \
     burlywood cadetblue chartreuse chocolate coral cornflowerblue cornsilk crimson cyan darkblue \
     darkcyan darkgoldenrod darkgray darkgreen darkkhaki darkmagenta darkolivegreen darkorange darkorchid \
     darkred darksalmon darkseagreen darkslateblue darkslategray darkturquoise darkviolet deeppink \
     deepskyblue dimgray dodgerblue firebrick floralwhite forestgreen fuchsia gainsboro ghostwhite gold \
     goldenrod gray green greenyellow honeydew hotpink indianred indigo ivory khaki lavender \
     lavenderblush lawngreen lemonchiffon lightblue lightcoral lightcyan lightgoldenrodyellow lightgray \
     lightgreen lightpink lightsalmon lightseagreen lightskyblue lightslategray lightsteelblue \
     lightyellow lime limegreen linen magenta maroon mediumaquamarine mediumblue mediumorchid \
     mediumpurple mediumseagreen mediumslateblue mediumspringgreen mediumturquoise mediumvioletred \
     midnightblue mintcream mistyrose moccasin navajowhite navy oldlace olive olivedrab orange orangered \
     orchid palegoldenrod palegreen paleturquoise palevioletred papayawhip peachpuff peru pink plum \
     powderblue purple rebeccapurple red rosybrown royalblue saddlebrown salmon sandybrown seagreen \
     seashell sienna silver skyblue slateblue slategray snow springgreen steelblue tan teal thistle \
     tomato turquoise violet wheat white whitesmoke yellow yellowgreen";

/// Whether a browser draws it: a name, or three or six hex digits after `#`.
pub(super) fn is_colour(text: &str) -> bool {
    let lower = text.to_lowercase();
    match lower.strip_prefix('#') {
        Some(digits) => matches!(digits.len(), 3 | 6) && digits.bytes().all(|b| b.is_ascii_hexdigit()),
        None => NAMES.split_whitespace().any(|name| name == lower),
    }
}

#[cfg(test)]
mod tests {
    use super::is_colour;

    #[test]
    fn names_and_hex_digits_are_colours() {
        for colour in ["red", "AliceBlue", "#fff", "#A1b2C3"] {
            assert!(is_colour(colour), "{colour}");
        }
        for other in ["", "#ff", "#gggggg", "reddish", "rgb(1,2,3)"] {
            assert!(!is_colour(other), "{other}");
        }
    }
}
