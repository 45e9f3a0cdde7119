#include "services/pcm/history.h"

#include <cstddef>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/status/status_matchers.h"
#include "common/tree/directory.h"
#include "common/tree/test_directory.h"
#include "services/pcm/offer_rules.h"

namespace waybill::pcm {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

RunRecord Record(RunStep step, const std::string& job_id = "CEN00042") {
  return {.job_id = job_id,
          .step = step,
          .run_id = "r1",
          .run_token = "t1",
          .outcome = RunOutcome::kKilled,
          .exit_code = -7,
          .output = "line 1\nline \"2\" \xc3\xa9\n",
          .detail = "signal 9 ended it",
          .start_time = absl::FromUnixMicros(1'800'000'000'123'456),
          .run_duration = absl::Microseconds(1'500'001)};
}

TEST(RecordTest, ReadsWhatItWrote) {
  for (const RunStep step : {RunStep::kRequested, RunStep::kStarted, RunStep::kFinished,
                             RunStep::kReported, RunStep::kDropped}) {
    EXPECT_EQ(DecodeRecord(EncodeRecord(Record(step))).value(), Record(step));
  }
  for (const RunOutcome outcome : {RunOutcome::kExited, RunOutcome::kTimedOut,
                                   RunOutcome::kNotStarted, RunOutcome::kInterrupted}) {
    RunRecord record = Record(RunStep::kFinished);
    record.outcome = outcome;
    EXPECT_EQ(DecodeRecord(EncodeRecord(record)).value(), record);
  }
}

TEST(RecordTest, RefusesEveryCutAndEveryChangedByte) {
  const std::string good = EncodeRecord(Record(RunStep::kStarted));
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_THAT(DecodeRecord(good.substr(0, size)), StatusIs(absl::StatusCode::kInvalidArgument));
  }
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    EXPECT_THAT(DecodeRecord(bad), StatusIs(absl::StatusCode::kInvalidArgument)) << i;
  }
}

class HistoryTest : public testing::Test {
 protected:
  std::unique_ptr<History> Open() { return History::Open(directory_.Open()).value(); }

  const tree::TestDirectory directory_;
};

TEST_F(HistoryTest, RemembersEveryStepAcrossARestart) {
  EXPECT_EQ(Open()->ProgressOf("CEN00042"), RunProgress::kNone);
  for (const RunStep step : {RunStep::kRequested, RunStep::kStarted, RunStep::kFinished,
                             RunStep::kReported, RunStep::kDropped}) {
    ASSERT_THAT(Open()->Put(Record(step)), IsOk());
    const std::unique_ptr<History> again = Open();
    EXPECT_EQ(again->Find("CEN00042"), Record(step));
    EXPECT_EQ(again->ProgressOf("CEN00042"),
              step == RunStep::kRequested ? RunProgress::kRequested : RunProgress::kDone);
    EXPECT_THAT(again->ListAt(step), ElementsAre(Record(step)));
  }
  EXPECT_THAT(Open()->ListAt(RunStep::kStarted), IsEmpty());
}

TEST_F(HistoryTest, NeverRunsAJobWhoseRecordIsBroken) {
  ASSERT_THAT(Open()->Put(Record(RunStep::kRequested)), IsOk());
  ASSERT_THAT(Open()->Put(Record(RunStep::kStarted, "CEN00043")), IsOk());
  ASSERT_THAT(directory_.Open().WriteFile("CEN00042.run", "not a record"), IsOk());
  const std::unique_ptr<History> history = Open();
  EXPECT_EQ(history->ProgressOf("CEN00042"), RunProgress::kDone);
  EXPECT_FALSE(history->Find("CEN00042").has_value());
  EXPECT_TRUE(history->Find("CEN00043").has_value());
}

TEST_F(HistoryTest, TakesARecordUnderAnotherNameForBroken) {
  const tree::Directory directory = directory_.Open();
  ASSERT_THAT(directory.WriteFile("CEN00043.run", EncodeRecord(Record(RunStep::kRequested))),
              IsOk());
  EXPECT_EQ(Open()->ProgressOf("CEN00043"), RunProgress::kDone);
}

TEST_F(HistoryTest, RemovesWhatACrashedWriterLeftAndIgnoresStrangers) {
  const tree::Directory directory = directory_.Open();
  const std::string rest = absl::StrCat(tree::kTemporaryPrefix, "0123456789abcdef");
  ASSERT_THAT(directory.WriteFile(rest, "half"), IsOk());
  ASSERT_THAT(directory.WriteFile("notes.txt", "by somebody"), IsOk());
  EXPECT_NE(Open(), nullptr);
  EXPECT_FALSE(directory.Exists(rest).value());
  EXPECT_TRUE(directory.Exists("notes.txt").value());
}

TEST_F(HistoryTest, AnUnwritableDirectoryLeavesTheOldRecord) {
  const std::unique_ptr<History> history = Open();
  ASSERT_THAT(history->Put(Record(RunStep::kRequested)), IsOk());
  ASSERT_THAT(directory_.Open().Remove("CEN00042.run"), IsOk());
  ASSERT_THAT(directory_.Open().MakeDirectories("CEN00042.run/full").status(), IsOk());
  EXPECT_FALSE(history->Put(Record(RunStep::kStarted)).ok());
  EXPECT_EQ(history->Find("CEN00042")->step, RunStep::kRequested);
}

TEST_F(HistoryTest, ForgetsTheOldestThatAreReportedBeyondItsLimit) {
  const tree::Directory directory = directory_.Open();
  for (int i = 0; i < History::kRecordsMax + 2; ++i) {
    RunRecord record =
        Record(i == 0 ? RunStep::kFinished : RunStep::kReported, absl::StrCat("CEN", 10000 + i));
    record.start_time = absl::FromUnixSeconds(i);
    tree::WriteOptions options;
    options.durable = false;
    ASSERT_THAT(
        directory.WriteFile(absl::StrCat(record.job_id, ".run"), EncodeRecord(record), options),
        IsOk());
  }
  const std::unique_ptr<History> history = Open();
  EXPECT_EQ(history->ProgressOf("CEN10000"), RunProgress::kDone) << "not reported yet";
  EXPECT_EQ(history->ProgressOf("CEN10001"), RunProgress::kNone);
  EXPECT_EQ(history->ProgressOf("CEN10002"), RunProgress::kNone);
  EXPECT_EQ(history->ProgressOf("CEN10003"), RunProgress::kDone);
}

}  // namespace
}  // namespace waybill::pcm
