#include "common/tree/path.h"

#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "common/status/status_macros.h"
#include "common/text/utf8.h"

namespace waybill::tree {
namespace {

absl::Status BadPath(absl::string_view path, absl::string_view reason) {
  return absl::InvalidArgumentError(absl::StrCat("bad_path ", Escaped(path), ": ", reason));
}

/// Why `text` is not good text; empty if it is.
absl::string_view TextFault(absl::string_view text) {
  while (!text.empty()) {
    const auto length = static_cast<size_t>(text::CharacterBytes(text));
    if (length == 0) return "not UTF-8";
    const bool c1 = length == 2 && text[0] == '\xC2' && static_cast<unsigned char>(text[1]) < 0xA0;
    if (absl::ascii_iscntrl(static_cast<unsigned char>(text[0])) || c1)
      return "a control character";
    text.remove_prefix(length);
  }
  return "";
}

absl::string_view NameFault(absl::string_view name) {
  if (name.empty()) return "an empty component";
  if (name == "." || name == "..") return "a component . or ..";
  if (name.size() > kNameBytesMax) return "a component over 255 bytes";
  return TextFault(name);
}

bool IsAbsoluteSomewhere(absl::string_view path) {
  return path[0] == '/' || path[0] == '\\' ||
         (path.size() > 1 && absl::ascii_isalpha(static_cast<unsigned char>(path[0])) &&
          path[1] == ':');
}

}  // namespace

std::string Escaped(absl::string_view text) {
  return absl::StrCat("\"", absl::CHexEscape(text), "\"");
}

absl::Status CheckName(absl::string_view name) {
  if (absl::StrContains(name, '/')) return BadPath(name, "a slash in a name");
  const absl::string_view fault = NameFault(name);
  return fault.empty() ? absl::OkStatus() : BadPath(name, fault);
}

absl::Status CheckRelativePath(absl::string_view path) {
  if (path.empty()) return BadPath(path, "empty");
  if (path.size() > kPathBytesMax) {
    return BadPath(path.substr(0, kNameBytesMax), "starts a path over 4096 bytes");
  }
  if (IsAbsoluteSomewhere(path)) return BadPath(path, "absolute");
  int depth = 0;
  for (absl::string_view name : absl::StrSplit(path, '/')) {
    if (const absl::string_view fault = NameFault(name); !fault.empty())
      return BadPath(path, fault);
    if (++depth > kPathDepthMax) return BadPath(path, "over 64 components");
  }
  return absl::OkStatus();
}

absl::Status CheckLinkTarget(absl::string_view link_path, absl::string_view target) {
  WAYBILL_RETURN_IF_ERROR(CheckRelativePath(link_path));
  if (target.empty()) return BadPath(link_path, "an empty link target");
  if (target.size() > kLinkTargetBytesMax)
    return BadPath(link_path, "a link target over 4095 bytes");
  const auto refuse = [&](absl::string_view reason) {
    return BadPath(link_path, absl::StrCat("link target ", Escaped(target), ": ", reason));
  };
  if (IsAbsoluteSomewhere(target)) return refuse("absolute");
  if (const absl::string_view fault = TextFault(target); !fault.empty()) return refuse(fault);
  size_t depth = 0;
  for (char c : link_path) depth += c == '/' ? 1 : 0;
  bool named = false;
  for (absl::string_view name : absl::StrSplit(target, '/')) {
    if (name.empty() || name == ".") continue;
    if (name.size() > kNameBytesMax) return refuse("a component over 255 bytes");
    if (name != "..") {
      named = true;
    } else if (named) {
      return refuse(".. behind a name");
    } else if (depth-- == 0) {
      return refuse("leaves the tree");
    }
  }
  return absl::OkStatus();
}

}  // namespace waybill::tree
