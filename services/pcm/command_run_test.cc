#include "services/pcm/command_run.h"

#include <cstdlib>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"

#include "common/clock/clock.h"
#include "common/status/status_matchers.h"
#include "common/text/utf8.h"
#include "common/tree/directory.h"
#include "common/tree/test_directory.h"
#include "services/pcm/history.h"

namespace waybill::pcm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

class CommandRunTest : public testing::Test {
 protected:
  void WriteScript(const std::string& path, const std::string& body) {
    ASSERT_THAT(root_.WriteFile(path, absl::StrCat("#!/bin/sh\n", body), {.mode = 0755}), IsOk());
  }

  CommandInput Input() const {
    return {.offer = offer_, .root = root_, .sms_id = "NYC00017", .home_directory = "/var/tmp"};
  }

  RunRecord Run(std::vector<std::string> arguments, bool cancelled = false) {
    offer_.arguments = std::move(arguments);
    RunRecord record;
    RunCommand(
        Input(), clock_, [cancelled] { return cancelled; }, record);
    return record;
  }

  absl::StatusOr<std::vector<std::string>> Resolve(std::vector<std::string> arguments) {
    offer_.arguments = std::move(arguments);
    return ResolveArguments(Input());
  }

  const tree::TestDirectory directory_;
  const tree::Directory root_ = directory_.Open();
  const clock::RealClock clock_;
  model::Offer offer_ = [] {
    model::Offer offer;
    offer.job_id = "CEN00042";
    offer.package_id = "CEN00001";
    offer.time_limit = absl::Minutes(1);
    return offer;
  }();
};

TEST_F(CommandRunTest, RunsInThePackageRootWithACleanEnvironment) {
  WriteScript("run.sh", "/usr/bin/env; pwd -P; echo \"[$1]\"; exit 3");
  ASSERT_EQ(setenv("LD_PRELOAD_FAKE", "evil", 1), 0);
  const RunRecord record = Run({"run.sh", "a b; $(id) 'x'"});
  EXPECT_EQ(record.outcome, RunOutcome::kExited);
  EXPECT_EQ(record.exit_code, 3);
  EXPECT_GT(record.run_duration, absl::ZeroDuration());
  std::set<std::string> lines;
  for (const auto line : absl::StrSplit(record.output, '\n', absl::SkipEmpty())) {
    lines.insert(std::string(line));
  }
  lines.erase("_=/usr/bin/env");  // Of the shell itself.
  std::erase_if(lines, [](const std::string& line) { return line.starts_with("PWD="); });
  EXPECT_THAT(lines, UnorderedElementsAre("PATH=/usr/bin:/bin", "LANG=C.UTF-8", "HOME=/var/tmp",
                                          "WAYBILL_JOB_ID=CEN00042", "WAYBILL_PACKAGE_ID=CEN00001",
                                          "WAYBILL_SMS_ID=NYC00017", directory_.path(),
                                          "[a b; $(id) 'x']"));
}

TEST_F(CommandRunTest, KeepsBothEndsOfALongOutputAndOnlyUtf8) {
  WriteScript("run.sh", "echo begin; head -c 100000 /dev/zero | tr '\\0' x; printf '\\377end'");
  const RunRecord record = Run({"run.sh"});
  EXPECT_THAT(record.output, StartsWith("begin\n"));
  EXPECT_THAT(record.output, HasSubstr("?end"));
  EXPECT_LE(record.output.size(), static_cast<std::size_t>(kOutputBytesMax));
  EXPECT_TRUE(text::IsUtf8(record.output));
}

TEST_F(CommandRunTest, TellsTheTimeLimitASignalAndACancelApart) {
  WriteScript("sleep.sh", "sleep 60");
  WriteScript("kill.sh", "kill -15 $$");
  offer_.time_limit = absl::Seconds(1);
  EXPECT_EQ(Run({"sleep.sh"}).outcome, RunOutcome::kTimedOut);
  EXPECT_EQ(Run({"sleep.sh"}, /*cancelled=*/true).outcome, RunOutcome::kInterrupted);
  const RunRecord killed = Run({"kill.sh"});
  EXPECT_EQ(killed.outcome, RunOutcome::kKilled);
  EXPECT_EQ(killed.detail, "signal 15 ended it");
}

TEST_F(CommandRunTest, ResolvesAProgramBeneathThePackageOnly) {
  WriteScript("setup", "true");
  ASSERT_THAT(root_.MakeDirectories("bin").status(), IsOk());
  WriteScript("bin/tool", "true");
  ASSERT_THAT(root_.MakeLink("tool", "bin/tool"), IsOk());
  EXPECT_THAT(Resolve({"setup", "-q"}).value(), ElementsAre("setup", "-q"));
  EXPECT_THAT(Resolve({"./setup"}).value(), ElementsAre("setup"));
  EXPECT_THAT(Resolve({"bin/tool"}).value(), ElementsAre("bin/tool"));
  EXPECT_THAT(Resolve({"tool"}).value(), ElementsAre("tool"));
  EXPECT_THAT(Resolve({"/bin/true"}).value(), ElementsAre("/bin/true"));
  for (const char* bad : {"", "sh", "../setup", "bin", "bin/../setup", "bin//tool", "setup; id",
                          "~/setup", "$HOME/setup"}) {
    EXPECT_FALSE(Resolve({bad, "x"}).ok()) << bad;
  }
  EXPECT_FALSE(Resolve({}).ok());
}

TEST_F(CommandRunTest, SaysWhyAProgramCannotBeStarted) {
  const RunRecord absent = Run({"absent.sh"});
  EXPECT_EQ(absent.outcome, RunOutcome::kNotStarted);
  EXPECT_THAT(absent.detail, HasSubstr("absent.sh"));
  ASSERT_THAT(root_.WriteFile("plain", "no program"), IsOk());
  const RunRecord plain = Run({"plain"});
  EXPECT_EQ(plain.outcome, RunOutcome::kNotStarted);
  EXPECT_THAT(plain.detail, HasSubstr("plain"));
}

}  // namespace
}  // namespace waybill::pcm
