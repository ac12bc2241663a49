#pragma once

#include <optional>
#include <string>

namespace bootwright {

/// What the platform says of this instance. An empty string is a value that the platform does not have.
struct InstanceMetadata {
    std::string platform;     ///< "ec2"
    std::string instance_id;  ///< never empty
    std::string hostname{};
    std::string region{};
    std::string zone{};
    std::string instance_type{};
    std::string image_id{};
    std::string account{};
    std::optional<std::string> user_data{};  ///< as served; nothing where it is proven that there is none
    std::string user_data_origin{};          ///< what people know it by: "user-data", a path
};

}  // namespace bootwright
