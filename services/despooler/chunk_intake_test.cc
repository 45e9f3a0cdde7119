#include "services/despooler/chunk_intake.h"

#include <string>

#include <gtest/gtest.h>

#include "common/content/pack_writer.h"
#include "common/content/test_content.h"
#include "common/status/status_matchers.h"

namespace waybill::despooler {
namespace {

using content::ContentTest;
constexpr int kRaw = 1;
constexpr int kLz4 = 2;

class ChunkIntakeTest : public ContentTest {
 protected:
  ChunkIntakeTest() {
    for (int seed = 0; seed < 4; ++seed) {
      plain_.push_back(content::RandomBytes(1000, seed));
      const auto added = chunks_.Add({content::Sha256::Of(plain_.back()), 1000});
      EXPECT_TRUE(added.ok() && added->is_new);
    }
  }

  std::vector<std::string> plain_;
  content::ChunkList chunks_;
  std::unique_ptr<content::PackWriter> writer_ = store->NewWriter();
  ChunkIntake intake_{chunks_, {.missing = {true, false, true, true}}, *store, *writer_};
};

TEST_F(ChunkIntakeTest, TakesWhatWasAskedForAndCountsIt) {
  EXPECT_EQ(intake_.missing_count(), 3);
  EXPECT_THAT(intake_.Add(0, kRaw, plain_[0]), IsOk());
  EXPECT_THAT(intake_.Add(2, kRaw, plain_[2]), IsOk());
  EXPECT_EQ(intake_.missing_count(), 1);
  EXPECT_EQ(intake_.received_count(), 2);
  EXPECT_EQ(intake_.received_bytes(), 2000);
  EXPECT_THAT(writer_->Seal(), IsOk());
  EXPECT_EQ(store->Read(chunks_[2].digest)->stored, plain_[2]);
}

TEST_F(ChunkIntakeTest, RefusesByNameWhatWasNotAskedForAndAppendsNothing) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(intake_.Add(-1, kRaw, plain_[0]), StatusIs(kInvalid));
  EXPECT_THAT(intake_.Add(4, kRaw, plain_[0]), StatusIs(kInvalid));
  EXPECT_THAT(intake_.Add(INT64_MAX, kRaw, plain_[0]), StatusIs(kInvalid));
  EXPECT_THAT(intake_.Add(1, kRaw, plain_[1]), StatusIs(kInvalid));  // Held.
  ASSERT_THAT(intake_.Add(2, kRaw, plain_[2]), IsOk());
  EXPECT_THAT(intake_.Add(2, kRaw, plain_[2]), StatusIs(kInvalid));  // Twice.
  EXPECT_THAT(intake_.Add(0, kRaw, plain_[0]), StatusIs(kInvalid));  // Behind a higher one.
  EXPECT_EQ(intake_.received_count(), 1);
}

TEST_F(ChunkIntakeTest, RefusesBytesThatAreNotTheChunkBeforeTheyReachTheDisk) {
  std::string flipped = plain_[0];
  flipped[500] = static_cast<char>(flipped[500] ^ 1);
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(intake_.Add(0, kRaw, flipped), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(intake_.Add(0, kRaw, plain_[3]), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(intake_.Add(0, kRaw, plain_[0].substr(1)), StatusIs(kInvalid));
  EXPECT_THAT(intake_.Add(0, kRaw, ""), StatusIs(kInvalid));
  EXPECT_THAT(intake_.Add(0, kLz4, plain_[0].substr(0, 900)),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(intake_.Add(0, 7, plain_[0]), StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(intake_.Add(0, -1, plain_[0]), StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_EQ(writer_->written_bytes(), 0u);
  EXPECT_THAT(intake_.Add(0, kRaw, plain_[0]), IsOk());
}

}  // namespace
}  // namespace waybill::despooler
