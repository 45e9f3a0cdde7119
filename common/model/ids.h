#ifndef WAYBILL_COMMON_MODEL_IDS_H_
#define WAYBILL_COMMON_MODEL_IDS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

/// The forms of names and ids. Each Check returns INVALID_ARGUMENT that names `field` and says what
/// is expected; the offending value is shown escaped. Pure.
namespace waybill::model {

/// Three of A-Z 0-9, such as "CEN".
absl::Status CheckSiteCode(absl::string_view field, absl::string_view site_code);

/// Site code and five of A-Z 0-9, such as "CEN00001".
absl::Status CheckPackageId(absl::string_view field, absl::string_view package_id);

/// Site code and a number of five digits or more, such as "CEN00042".
absl::Status CheckJobId(absl::string_view field, absl::string_view job_id);
absl::Status CheckSmsId(absl::string_view field, absl::string_view sms_id);

/// Names of hosts, domains and servers: 1 to 63 of A-Z a-z 0-9 - _ . that do not begin with a dot
/// or a hyphen. Safe as a file's name.
absl::Status CheckHostName(absl::string_view field, absl::string_view name);

/// Names for people (packages, commands, groups): 1 to 63 bytes of UTF-8 without control
/// characters, with no space at either end.
absl::Status CheckDisplayName(absl::string_view field, absl::string_view name);

/// Free text for people: at most `bytes_max` bytes of UTF-8, no control characters but newline and
/// tab.
absl::Status CheckText(absl::string_view field, absl::string_view value, int bytes_max);

/// Chosen by a caller to make a repeat harmless: 1 to 63 printable ASCII characters.
absl::Status CheckRequestId(absl::string_view field, absl::string_view request_id);

/// "CEN" and 42 make "CEN00042".
std::string NumberedId(absl::string_view site_code, std::int64_t number);

/// The site code that a job id, a package id or an SMS ID begins with. The id has been checked.
absl::string_view SiteCodeOf(absl::string_view id);

}  // namespace waybill::model

#endif  // WAYBILL_COMMON_MODEL_IDS_H_
