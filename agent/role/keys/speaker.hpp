#pragma once

#include <string_view>

namespace bootwright {

/// Whose word a document of the role config is.
enum class Speaker {
    anyone,  ///< user-data and tags: whoever may set them, on some clouds each local user
    root,    ///< a file that root alone can change
    proven,  ///< a repository's file that is signed as the image asks, or at a pin that only the image sets
    image,   ///< role_config of agent.json and agent.d
};

/// "anyone", "root", "proven", "image".
std::string_view to_string(Speaker speaker);

}  // namespace bootwright
