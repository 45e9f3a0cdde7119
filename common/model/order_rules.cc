#include "common/model/order_rules.h"

#include <cstddef>
#include <string>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/model/definition_file.h"
#include "common/model/ids.h"
#include "common/model/proto_time.h"
#include "common/status/status_macros.h"
#include "common/tree/path.h"

namespace waybill::model {
namespace {

constexpr absl::Duration kTimeLimitMin = absl::Seconds(1);
constexpr absl::Duration kTimeLimitMax = absl::Hours(24);

absl::Status Invalid(absl::string_view field, absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", expected));
}

// A relative program is found beneath the package root, so its path must not lead out of it.
absl::Status CheckProgram(absl::string_view field, absl::string_view program) {
  if (program.empty()) {
    return Invalid(field, "the program is missing");
  }
  const absl::string_view beneath = absl::StartsWith(program, "/") ? program.substr(1) : program;
  if (const absl::Status status = tree::CheckRelativePath(beneath); !status.ok()) {
    return Invalid(field, absl::StrCat("the program is an absolute path or one beneath the package "
                                       "root, without '..' ('bin/setup'): ",
                                       status.message()));
  }
  return absl::OkStatus();
}

absl::Status CheckArguments(const std::string& field, const package::v1::Command& command) {
  if (command.arguments().empty() || command.arguments_size() > kArgumentsMax) {
    return Invalid(field,
                   absl::StrCat("expected the program and its arguments, at most ", kArgumentsMax));
  }
  std::size_t bytes = 0;
  for (int i = 0; i < command.arguments_size(); ++i) {
    bytes += command.arguments(i).size();
    WAYBILL_RETURN_IF_ERROR(
        CheckText(absl::StrCat(field, "[", i, "]"), command.arguments(i), kArgumentBytesMax));
  }
  if (bytes > kArgumentBytesMax) {
    return Invalid(field, absl::StrCat("more than ", kArgumentBytesMax, " bytes"));
  }
  return CheckProgram(absl::StrCat(field, "[0]"), command.arguments(0));
}

absl::Status CheckTimeLimit(const std::string& field, const google::protobuf::Duration& proto) {
  WAYBILL_ASSIGN_OR_RETURN(const absl::Duration limit, FromProto(field, proto));
  if (limit < kTimeLimitMin || limit > kTimeLimitMax ||
      absl::Trunc(limit, absl::Seconds(1)) != limit) {
    return Invalid(field, "expected whole seconds, 1 s to 24 h");
  }
  return absl::OkStatus();
}

absl::Status CheckPlatforms(const std::string& field, const package::v1::Command& command) {
  if (command.platforms_size() > kPlatformsMax) {
    return Invalid(field, absl::StrCat("at most ", kPlatformsMax));
  }
  for (const std::string& platform : command.platforms()) {
    WAYBILL_RETURN_IF_ERROR(CheckDisplayName(field, platform));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckComment(absl::string_view field, absl::string_view comment) {
  return CheckText(field, comment, kCommentBytesMax);
}

absl::Status CheckVersion(absl::string_view field, absl::string_view version, int digits_min) {
  const auto size = static_cast<int>(version.size());
  const bool is_hex = absl::c_all_of(
      version, [](unsigned char c) { return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f'); });
  if (is_hex && size >= digits_min && size <= kVersionDigits) {
    return absl::OkStatus();
  }
  const std::string count = digits_min == kVersionDigits
                                ? absl::StrCat(kVersionDigits)
                                : absl::StrCat(digits_min, " to ", kVersionDigits);
  return Invalid(field, absl::StrCat("expected ", count, " digits of 0-9 a-f"));
}

absl::Status CheckCommand(absl::string_view field, const package::v1::Command& command) {
  WAYBILL_RETURN_IF_ERROR(
      CheckDisplayName(absl::StrCat(field, ".command_name"), command.command_name()));
  WAYBILL_RETURN_IF_ERROR(CheckArguments(absl::StrCat(field, ".arguments"), command));
  WAYBILL_RETURN_IF_ERROR(CheckTimeLimit(absl::StrCat(field, ".time_limit"), command.time_limit()));
  if (command.success_exit_codes_size() > kExitCodesMax) {
    return Invalid(absl::StrCat(field, ".success_exit_codes"),
                   absl::StrCat("at most ", kExitCodesMax));
  }
  return CheckPlatforms(absl::StrCat(field, ".platforms"), command);
}

}  // namespace waybill::model
