#include "common/model/share_url.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace waybill::model {
namespace {

constexpr std::size_t kShownBytesMax = 80;
constexpr std::size_t kHostBytesMax = 253;  // RFC 1035, as people write it.
constexpr std::size_t kPortDigitsMax = 5;
constexpr int kPortMax = 65535;
constexpr absl::string_view kSubDelimiters = "!$&'()*+,;=:@";  // What a part may hold beside %XX.

bool IsUnreserved(unsigned char c) {
  return absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

bool IsHostName(absl::string_view host) {
  return !host.empty() && host.size() <= kHostBytesMax && host.front() != '-' &&
         host.front() != '.' && std::all_of(host.begin(), host.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_';
         });
}

bool IsBracketedAddress(absl::string_view host) {
  return host.size() > 2 && host.back() == ']' &&
         std::all_of(host.begin() + 1, host.end() - 1, [](unsigned char c) {
           return absl::ascii_isxdigit(c) || c == ':' || c == '.';
         });
}

// With a leading colon, or empty.
bool IsPort(absl::string_view text) {
  if (text.empty()) return true;
  int port = 0;
  const absl::string_view digits = text.substr(1);
  return digits.size() <= kPortDigitsMax && std::all_of(digits.begin(), digits.end(), ::isdigit) &&
         absl::SimpleAtoi(digits, &port) && port >= 1 && port <= kPortMax;
}

// What is wrong with "host:port"; empty if nothing is.
absl::string_view AuthorityFault(absl::string_view authority) {
  if (absl::StrContains(authority, '@')) return "a user or password has no place in it";
  const bool bracketed = absl::StartsWith(authority, "[");
  const std::size_t end =
      bracketed ? authority.find(']') + 1 : std::min(authority.find(':'), authority.size());
  const absl::string_view host = authority.substr(0, end);
  if (bracketed ? !IsBracketedAddress(host) : !IsHostName(host)) {
    return "the host is a name or an address, IPv6 in brackets";
  }
  const absl::string_view port = authority.substr(end);
  if (!port.empty() && port.front() != ':') return "only a port may follow the host";
  return IsPort(port) ? "" : "the port is 1 to 65535";
}

absl::string_view PartFault(absl::string_view part) {
  if (part.empty()) return "no slash at the end, and none too many";
  for (std::size_t i = 0; i < part.size(); ++i) {
    const auto c = static_cast<unsigned char>(part[i]);
    if (c == '%') {
      const absl::string_view digits = part.substr(i + 1, 2);
      if (digits.size() < 2 || !std::all_of(digits.begin(), digits.end(), ::isxdigit)) {
        return "a % is followed by two hex digits";
      }
    } else if (!IsUnreserved(c) && !absl::StrContains(kSubDelimiters, part[i])) {
      return "such characters are written as %XX";
    }
  }
  // Also in disguise: a server that decodes first would climb.
  std::string plain(part);
  for (std::size_t at = 0; (at = plain.find('%', at)) != std::string::npos; ++at) {
    plain.replace(at, 3, absl::HexStringToBytes(plain.substr(at + 1, 2)));
  }
  if (plain == "." || plain == "..") return "no part may be . or ..";
  return absl::StrContains(plain, '/') || absl::StrContains(plain, '\0')
             ? "no part may hold an escaped slash or NUL"
             : "";
}

// What is wrong with the URL; empty if nothing is.
absl::string_view UrlFault(absl::string_view url) {
  if (!absl::ConsumePrefix(&url, "http://") && !absl::ConsumePrefix(&url, "https://")) {
    return "it begins with http:// or https://";
  }
  if (absl::StrContains(url, '?')) return "a query has no place in it";
  if (absl::StrContains(url, '#')) return "a fragment has no place in it";
  const std::size_t slash = std::min(url.find('/'), url.size());
  const absl::string_view fault = AuthorityFault(url.substr(0, slash));
  if (!fault.empty() || slash == url.size()) return fault;
  for (const absl::string_view part : absl::StrSplit(url.substr(slash + 1), '/')) {
    if (const absl::string_view wrong = PartFault(part); !wrong.empty()) return wrong;
  }
  return "";
}

}  // namespace

absl::Status CheckUrl(absl::string_view field, absl::string_view url, int bytes_max) {
  const bool too_long = url.size() > static_cast<std::size_t>(bytes_max);
  const std::string fault =
      too_long ? absl::StrCat("at most ", bytes_max, " bytes") : std::string(UrlFault(url));
  if (fault.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, " '", absl::CHexEscape(url.substr(0, kShownBytesMax)),
                   "': expected a URL such as 'http://ds1.nyc:8080': ", fault));
}

std::string UrlBeneath(absl::string_view base, absl::string_view path) {
  constexpr absl::string_view kDigits = "0123456789ABCDEF";
  std::string url = absl::StrCat(base, "/");
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (IsUnreserved(byte) || c == '/') {
      url.push_back(c);
    } else {
      url.append({'%', kDigits[byte >> 4], kDigits[byte & 0xF]});
    }
  }
  return url;
}

}  // namespace waybill::model
