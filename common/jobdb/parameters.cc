#include "common/jobdb/parameters.h"

#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

#include "common/status/status_macros.h"

namespace waybill::jobdb {
namespace {

// Reads the literal that `array_out` of PostgreSQL writes, one element after the other.
class ArrayReader {
 public:
  explicit ArrayReader(absl::string_view text) : rest_(text) {}

  absl::StatusOr<std::vector<EncodedParameter>> ReadAll() {
    std::vector<EncodedParameter> elements;
    if (!absl::ConsumePrefix(&rest_, "{")) return Wrong();
    if (absl::ConsumePrefix(&rest_, "}")) return AtEnd(std::move(elements));
    while (true) {
      EncodedParameter element;
      if (!ReadElement(element)) return Wrong();
      elements.push_back(std::move(element));
      if (absl::ConsumePrefix(&rest_, "}")) return AtEnd(std::move(elements));
      if (!absl::ConsumePrefix(&rest_, ",")) return Wrong();
    }
  }

 private:
  static absl::Status Wrong() {
    return absl::InvalidArgumentError("not a one-dimensional array of PostgreSQL");
  }

  absl::StatusOr<std::vector<EncodedParameter>> AtEnd(std::vector<EncodedParameter> elements) {
    if (!rest_.empty()) return Wrong();
    return elements;
  }

  bool ReadElement(EncodedParameter& element) {
    if (absl::ConsumePrefix(&rest_, "\"")) {
      return ReadQuoted(element.emplace());
    }
    const std::size_t length = rest_.find_first_of(",{}\"\\");
    if (length == 0 || length == absl::string_view::npos) return false;
    if (rest_.substr(0, length) != "NULL") {
      element = std::string(rest_.substr(0, length));
    }
    rest_.remove_prefix(length);
    return true;
  }

  bool ReadQuoted(std::string& text) {
    while (!rest_.empty()) {
      char next = rest_.front();
      rest_.remove_prefix(1);
      if (next == '"') return true;
      if (next == '\\') {
        if (rest_.empty()) return false;
        next = rest_.front();
        rest_.remove_prefix(1);
      }
      text.push_back(next);
    }
    return false;
  }

  absl::string_view rest_;
};

}  // namespace

EncodedParameter Encode(absl::string_view text) {
  return std::string(text);
}

EncodedParameter Encode(const Bytes& bytes) {
  return absl::StrCat("\\x", absl::BytesToHexString(bytes.value));
}

EncodedParameter Encode(bool value) {
  return value ? "t" : "f";
}

EncodedParameter Encode(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return absl::StrFormat("%.17g", value);
}

EncodedParameter Encode(absl::Time time) {
  if (time == absl::InfiniteFuture()) return "infinity";
  if (time == absl::InfinitePast()) return "-infinity";
  return absl::FormatTime("%Y-%m-%d %H:%M:%E6S+00", time, absl::UTCTimeZone());
}

EncodedParameter Encode(absl::Duration duration) {
  return absl::StrCat(absl::ToInt64Microseconds(duration), " microseconds");
}

std::string EncodeArray(absl::Span<const EncodedParameter> elements) {
  std::string literal = "{";
  for (const EncodedParameter& element : elements) {
    if (literal.size() > 1) literal.push_back(',');
    if (!element.has_value()) {
      literal.append("NULL");
      continue;
    }
    literal.push_back('"');
    for (const char c : *element) {
      if (c == '"' || c == '\\') literal.push_back('\\');
      literal.push_back(c);
    }
    literal.push_back('"');
  }
  literal.push_back('}');
  return literal;
}

absl::StatusOr<absl::Time> DecodeTime(absl::string_view text) {
  if (text == "infinity") return absl::InfiniteFuture();
  if (text == "-infinity") return absl::InfinitePast();
  absl::Time time;
  // The offset is always +00 in our sessions; absl's %Ez wants a colon or four digits.
  if (!absl::ConsumeSuffix(&text, "+00") ||
      !absl::ParseTime("%Y-%m-%d %H:%M:%E*S", text, absl::UTCTimeZone(), &time, nullptr)) {
    return absl::InvalidArgumentError("not a time in UTC");
  }
  return time;
}

absl::StatusOr<std::string> DecodeBytes(absl::string_view text) {
  const bool is_hex = absl::ConsumePrefix(&text, "\\x") && text.size() % 2 == 0;
  for (const char c : text) {
    if (!is_hex || !absl::ascii_isxdigit(static_cast<unsigned char>(c))) {
      return absl::InvalidArgumentError("not bytes in hex format");
    }
  }
  if (!is_hex) return absl::InvalidArgumentError("not bytes in hex format");
  return absl::HexStringToBytes(text);
}

absl::StatusOr<std::vector<EncodedParameter>> DecodeArray(absl::string_view text) {
  return ArrayReader(text).ReadAll();
}

}  // namespace waybill::jobdb
