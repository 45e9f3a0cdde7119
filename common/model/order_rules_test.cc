#include "common/model/order_rules.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"

#include "common/model/definition_file.h"
#include "common/status/status_matchers.h"

namespace waybill::model {
namespace {

using package::v1::Command;
using testing::HasSubstr;

Command GoodCommand() {
  Command command;
  command.set_command_name("install");
  command.add_arguments("bin/setup");
  command.mutable_time_limit()->set_seconds(60);
  return command;
}

void Fill(Command& command, std::size_t argument_bytes) {
  std::size_t bytes = command.arguments(0).size();
  while (bytes < argument_bytes) {
    const std::size_t part = std::min<std::size_t>(argument_bytes - bytes, 40 << 10);
    command.add_arguments(std::string(part, 'x'));
    bytes += part;
  }
}

TEST(OrderRulesTest, AcceptsACommandUpToEachLimit) {
  Command command = GoodCommand();
  Fill(command, kArgumentBytesMax);
  command.mutable_time_limit()->set_seconds(86'400);
  for (int i = 0; i < kExitCodesMax; ++i) {
    command.add_success_exit_codes(i);
  }
  for (int i = 0; i < kPlatformsMax; ++i) {
    command.add_platforms("linux");
  }
  EXPECT_THAT(CheckCommand("command", command), IsOk());
  command = GoodCommand();
  command.add_arguments("two\n\tlines \u00fc");
  for (int i = 2; i < kArgumentsMax; ++i) {
    command.add_arguments("");
  }
  EXPECT_THAT(CheckCommand("command", command), IsOk());
}

TEST(OrderRulesTest, NamesWhatIsWrongWithACommand) {
  struct Case {
    const char* words;
    std::function<void(Command&)> spoil;
  };
  const Case cases[] = {
      {"command.command_name", [](Command& c) { c.set_command_name(" x"); }},
      {"command.arguments: expected the program", [](Command& c) { c.clear_arguments(); }},
      {"at most 256",
       [](Command& c) {
         for (int i = 0; i < kArgumentsMax; ++i) c.add_arguments("x");
       }},
      {"command.arguments[1]", [](Command& c) { c.add_arguments(std::string("a\0b", 3)); }},
      {"command.arguments[1]", [](Command& c) { c.add_arguments("\x1b[2J"); }},
      {"command.arguments[1]", [](Command& c) { c.add_arguments("a\rb"); }},
      {"command.arguments[1]", [](Command& c) { c.add_arguments("\xff"); }},
      {"command.arguments: more than", [](Command& c) { Fill(c, kArgumentBytesMax + 1); }},
      {"command.arguments[0]: the program is missing", [](Command& c) { c.set_arguments(0, ""); }},
      {"command.arguments[0]: the program is", [](Command& c) { c.set_arguments(0, "../x"); }},
      {"command.time_limit", [](Command& c) { c.clear_time_limit(); }},
      {"command.time_limit", [](Command& c) { c.mutable_time_limit()->set_seconds(86'401); }},
      {"whole seconds", [](Command& c) { c.mutable_time_limit()->set_nanos(500'000'000); }},
      {"command.success_exit_codes",
       [](Command& c) {
         for (int i = 0; i <= kExitCodesMax; ++i) c.add_success_exit_codes(i);
       }},
      {"command.platforms: at most",
       [](Command& c) {
         for (int i = 0; i <= kPlatformsMax; ++i) c.add_platforms("linux");
       }},
      {"command.platforms", [](Command& c) { c.add_platforms(""); }}};
  for (const Case& bad : cases) {
    Command command = GoodCommand();
    bad.spoil(command);
    const absl::Status status = CheckCommand("command", command);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument)) << bad.words;
    EXPECT_THAT(std::string(status.message()), HasSubstr(bad.words));
  }
}

TEST(OrderRulesTest, AVersionIsLowerCaseHexOfTheAskedLength) {
  const std::string whole(64, 'a');
  EXPECT_THAT(CheckVersion("version", whole), IsOk());
  EXPECT_THAT(CheckVersion("version", whole.substr(0, 16), 16), IsOk());
  for (const std::string& version :
       {std::string(), whole.substr(1), whole + "a", std::string(64, 'A'), std::string(64, '%')}) {
    const absl::Status status = CheckVersion("version", version);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument)) << version;
    EXPECT_THAT(std::string(status.message()), HasSubstr("version: expected 64 digits"));
  }
  EXPECT_THAT(CheckVersion("version", whole.substr(0, 15), 16),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(OrderRulesTest, ACommentIsBoundedText) {
  EXPECT_THAT(CheckComment("comment", std::string(kCommentBytesMax, 'x')), IsOk());
  EXPECT_THAT(CheckComment("comment", std::string(kCommentBytesMax + 1, 'x')),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(CheckComment("comment", "\x1b[2J"), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace waybill::model
