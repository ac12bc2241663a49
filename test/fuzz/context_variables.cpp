// OpenNebula's context.sh: whoever may change a virtual machine's template writes its values.

#include "agent/platform/context_variables.hpp"
#include "test/fuzz/fuzz.hpp"

using namespace bootwright;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    fuzz(
        [&] {
            const auto variables = parse_context_variables(text);
            require(parse_context_variables(context_text(variables)) == variables,
                    "other variables when they are read again", text);
        },
        [](const Error& error) { return error.code == "platform.bad_document" && error.kind == ErrorKind::transient; });
    return 0;
}
