#include "agent/role/keys/speaker.hpp"

namespace bootwright {

std::string_view to_string(Speaker speaker) {
    switch (speaker) {
        case Speaker::anyone: return "anyone";
        case Speaker::root: return "root";
        case Speaker::proven: return "proven";
        case Speaker::image: return "image";
    }
    return "anyone";
}

}  // namespace bootwright
