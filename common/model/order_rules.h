#ifndef WAYBILL_COMMON_MODEL_ORDER_RULES_H_
#define WAYBILL_COMMON_MODEL_ORDER_RULES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "waybill/package/v1/package.pb.h"

/// The limits on what an order carries from the site that makes it to the workstation that runs it,
/// and their checks. The site that takes the order and every site that receives its instruction ask
/// the same ones: what the first accepts, no other refuses. Pure. Each Check returns
/// INVALID_ARGUMENT that names `field` and says what is expected.
namespace waybill::model {

inline constexpr int kCommentBytesMax = 1000;
inline constexpr int kVersionDigits = 64;  ///< SHA-256 in hex.
/// All arguments of a command together. Their number is kArgumentsMax of definition_file.h.
inline constexpr int kArgumentBytesMax = 64 << 10;
inline constexpr int kExitCodesMax = 64;
inline constexpr int kPlatformsMax = 16;
inline constexpr int kGroupMembersMax = 100'000;

/// For people: of a package or a job.
absl::Status CheckComment(absl::string_view field, absl::string_view comment);

/// `digits_min` to kVersionDigits lower-case hexadecimal digits.
absl::Status CheckVersion(absl::string_view field, absl::string_view version,
                          int digits_min = kVersionDigits);

/// A command as jobs carry it: its name, a program beneath the package root or absolute, arguments
/// that are text, a time limit of whole seconds from 1 s to 24 h, exit codes and platforms.
/// `field` stands for the command: "command 'install'".
absl::Status CheckCommand(absl::string_view field, const package::v1::Command& command);

}  // namespace waybill::model

#endif  // WAYBILL_COMMON_MODEL_ORDER_RULES_H_
