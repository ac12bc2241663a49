// User-data as any platform may serve it, and what is left of it in a bug report.

#include "agent/role/user_data.hpp"
#include "agent/commands/support/redaction.hpp"
#include "test/fuzz/fuzz.hpp"

using namespace bootwright;

namespace {

void check(const UserData& user_data) {
    require(!user_data.document || user_data.foreign.empty(), "user-data that is ours and not ours", user_data.foreign);
    if (user_data.document) {
        require(user_data.document->root.is_object(), "a document that is no object", user_data.document->origin);
        check_error(user_data.document->error_at({"role"}, "is wrong", "mend it"));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string served(reinterpret_cast<const char*>(data), size);
    fuzz([&] { check(parse_user_data(served, "user-data")); },
         [](const Error& error) {
             return error.kind == ErrorKind::permanent &&
                    (error.code == "role.invalid" || error.code == "role.user_data_damaged");
         });
    static_cast<void>(redacted_user_data(served));
    static_cast<void>(redacted_document(served));
    static_cast<void>(redacted_words(served));
    return 0;
}
