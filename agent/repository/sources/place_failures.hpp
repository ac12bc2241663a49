#pragma once

#include "common/base/error.hpp"
#include "common/net/url.hpp"

#include <utility>
#include <vector>

namespace bootwright {

/// What each place said that did not give a commit.
using PlaceFailures = std::vector<std::pair<Url, Error>>;

/// The error if no place has given it: what each said. It is transient if one of theirs is, first of all if only this
/// machine's clock is wrong; but somebody must look at a branch that was rewritten, whatever others said.
Error none_has_it(const PlaceFailures& failures);

/// True if no other place can help: this machine is to blame, or the pin, whose id proves what it stands for. Unknown
/// for a full disk: what filled it has been removed.
bool ends_the_search(const Error& error, bool is_pinned);

}  // namespace bootwright
