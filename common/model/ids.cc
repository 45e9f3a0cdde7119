#include "common/model/ids.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "common/text/utf8.h"

namespace waybill::model {
namespace {

constexpr std::size_t kSiteCodeBytes = 3;
constexpr std::size_t kPackageIdBytes = 8;
constexpr std::size_t kNumberDigitsMin = 5;
constexpr std::size_t kNumberDigitsMax = 12;
constexpr std::size_t kNameBytesMax = 63;
constexpr std::size_t kShownBytesMax = 80;

absl::Status Wrong(absl::string_view field, absl::string_view value, absl::string_view expected) {
  if (value.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(field, " is empty: expected ", expected));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      field, " '", absl::CHexEscape(value.substr(0, kShownBytesMax)), "': expected ", expected));
}

bool IsUpperOrDigit(char c) {
  return absl::ascii_isupper(static_cast<unsigned char>(c)) ||
         absl::ascii_isdigit(static_cast<unsigned char>(c));
}

bool AllUpperOrDigit(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), IsUpperOrDigit);
}

bool IsSiteCode(absl::string_view text) {
  return text.size() == kSiteCodeBytes && AllUpperOrDigit(text);
}

bool IsNumberedId(absl::string_view text) {
  if (text.size() < kSiteCodeBytes + kNumberDigitsMin ||
      text.size() > kSiteCodeBytes + kNumberDigitsMax) {
    return false;
  }
  const absl::string_view number = text.substr(kSiteCodeBytes);
  const bool digits = std::all_of(number.begin(), number.end(),
                                  [](unsigned char c) { return absl::ascii_isdigit(c); });
  const bool shortest = number.size() == kNumberDigitsMin || number.front() != '0';
  return IsSiteCode(text.substr(0, kSiteCodeBytes)) && digits && shortest;
}

bool IsHostNameCharacter(unsigned char c) {
  return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
}

bool IsControl(unsigned char c) {
  return c < 0x20 || c == 0x7f;
}

}  // namespace

absl::Status CheckSiteCode(absl::string_view field, absl::string_view site_code) {
  return IsSiteCode(site_code) ? absl::OkStatus()
                               : Wrong(field, site_code, "three characters A-Z 0-9, such as 'NYC'");
}

absl::Status CheckPackageId(absl::string_view field, absl::string_view package_id) {
  return package_id.size() == kPackageIdBytes && AllUpperOrDigit(package_id)
             ? absl::OkStatus()
             : Wrong(field, package_id,
                     "a site code and five characters A-Z 0-9, such as 'CEN00001'");
}

absl::Status CheckJobId(absl::string_view field, absl::string_view job_id) {
  return IsNumberedId(job_id) ? absl::OkStatus()
                              : Wrong(field, job_id,
                                      "a site code and a number of five digits or more, such as "
                                      "'CEN00042'");
}

absl::Status CheckSmsId(absl::string_view field, absl::string_view sms_id) {
  return IsNumberedId(sms_id) ? absl::OkStatus()
                              : Wrong(field, sms_id,
                                      "a site code and a number of five digits or more, such as "
                                      "'NYC00017'");
}

absl::Status CheckHostName(absl::string_view field, absl::string_view name) {
  const bool good = !name.empty() && name.size() <= kNameBytesMax && name.front() != '.' &&
                    name.front() != '-' &&
                    std::all_of(name.begin(), name.end(), IsHostNameCharacter);
  return good
             ? absl::OkStatus()
             : Wrong(field, name, "1 to 63 characters A-Z a-z 0-9 - _ . not beginning with - or .");
}

absl::Status CheckDisplayName(absl::string_view field, absl::string_view name) {
  const bool good = !name.empty() && name.size() <= kNameBytesMax && text::IsUtf8(name) &&
                    std::none_of(name.begin(), name.end(), IsControl) &&
                    absl::StripAsciiWhitespace(name) == name;
  return good ? absl::OkStatus()
              : Wrong(field, name, "1 to 63 bytes of UTF-8 without control characters");
}

absl::Status CheckText(absl::string_view field, absl::string_view value, int bytes_max) {
  const bool good = value.size() <= static_cast<std::size_t>(bytes_max) && text::IsUtf8(value) &&
                    std::none_of(value.begin(), value.end(), [](unsigned char c) {
                      return IsControl(c) && c != '\n' && c != '\t';
                    });
  return good ? absl::OkStatus()
              : Wrong(field, value,
                      absl::StrCat("at most ", bytes_max,
                                   " bytes of UTF-8 without control characters"));
}

absl::Status CheckRequestId(absl::string_view field, absl::string_view request_id) {
  const bool good = !request_id.empty() && request_id.size() <= kNameBytesMax &&
                    std::all_of(request_id.begin(), request_id.end(),
                                [](unsigned char c) { return absl::ascii_isgraph(c); });
  return good ? absl::OkStatus()
              : Wrong(field, request_id, "1 to 63 printable ASCII characters, such as a UUID");
}

std::string NumberedId(absl::string_view site_code, std::int64_t number) {
  return absl::StrFormat("%s%05d", site_code, number);
}

absl::string_view SiteCodeOf(absl::string_view id) {
  return id.substr(0, kSiteCodeBytes);
}

}  // namespace waybill::model
