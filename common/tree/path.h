#ifndef WAYBILL_COMMON_TREE_PATH_H_
#define WAYBILL_COMMON_TREE_PATH_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

/// Rules for the names of files, whoever chose them. Pure text, nothing is looked up on a disk.
/// Every refusal is INVALID_ARGUMENT, starts with "bad_path" and shows the path escaped, so that a
/// hostile name cannot forge a log line.
namespace waybill::tree {

inline constexpr int kNameBytesMax = 255;
inline constexpr int kPathBytesMax = 4096;
inline constexpr int kPathDepthMax = 64;  ///< Components of a path.
inline constexpr int kLinkTargetBytesMax = 4095;

/// One component: not empty, not "." or "..", no "/", no control character (C0, DEL, C1), valid
/// UTF-8 (no overlong form, no surrogate), at most kNameBytesMax bytes.
absl::Status CheckName(absl::string_view name);

/// A path beneath a root, in the one accepted spelling: components that pass CheckName, joined by
/// single slashes, none at either end. Nothing is normalised: "a//b" and "./a" are refused. Also
/// refused, though Linux would take them, are Windows roots: a leading backslash and "C:".
absl::Status CheckRelativePath(absl::string_view path);

/// The target of a symbolic link that is to stand at `link_path` (itself a good relative path):
/// relative, not empty, at most kLinkTargetBytesMax bytes, good text, and never above the root.
///
/// ".." may only come first ("../../lib/x", not "lib/../x"). Behind a name it would climb from
/// wherever that name's own link leads, which no look at the text can bound. Leading ones climb
/// from the directory of the link, which is a real directory: a manifest allows no other parent.
absl::Status CheckLinkTarget(absl::string_view link_path, absl::string_view target);

/// `text` for an error or log: quoted, with control characters and bytes that are not ASCII
/// escaped.
std::string Escaped(absl::string_view text);

}  // namespace waybill::tree

#endif  // WAYBILL_COMMON_TREE_PATH_H_
