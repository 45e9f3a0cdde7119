#include "services/pcm/offer_rules.h"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "absl/time/time.h"

#include "common/model/definition_file.h"

namespace waybill::pcm {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
const absl::Time kBefore = kNow - absl::Hours(1);
const absl::Time kLater = kNow + absl::Hours(1);

model::Offer MakeOffer(const std::string& job_id, absl::Time offer_after,
                       std::optional<absl::Time> mandatory_after = std::nullopt,
                       std::optional<absl::Time> expires_after = std::nullopt) {
  model::Offer offer;
  offer.job_id = job_id;
  offer.offer_after = offer_after;
  offer.mandatory_after = mandatory_after;
  offer.expires_after = expires_after;
  return offer;
}

struct Case {
  std::string name;
  absl::Time offer_after;
  std::optional<absl::Time> mandatory_after;
  std::optional<absl::Time> expires_after;
  RunProgress progress;
  bool is_accepted;
  absl::Time not_before;
  bool is_shown;
  bool is_due;
};

TEST(OfferRulesTest, ShowsWhatIsOfferedAndRunsWhatIsMandatoryOrAccepted) {
  const auto none = std::nullopt;
  const absl::Time past = absl::InfinitePast();
  const RunProgress fresh = RunProgress::kNone;
  for (const Case& test : std::vector<Case>{
           {"not yet offered", kLater, none, none, fresh, true, past, false, false},
           {"offered this moment", kNow, none, none, fresh, true, past, true, true},
           {"optional", kBefore, none, none, fresh, false, past, true, false},
           {"accepted", kBefore, none, none, fresh, true, past, true, true},
           {"mandatory later", kBefore, kLater, none, fresh, false, past, true, false},
           {"mandatory this moment", kBefore, kNow, none, fresh, false, past, true, true},
           {"mandatory, not offered", kLater, kBefore, none, fresh, false, past, false, false},
           {"expired this moment", kBefore, kBefore, kNow, fresh, true, past, false, false},
           {"expires later", kBefore, kBefore, kLater, fresh, false, past, true, true},
           {"begun", kBefore, none, none, RunProgress::kRequested, false, past, true, true},
           {"begun, then expired", kBefore, none, kNow, RunProgress::kRequested, false, past, true,
            true},
           {"begun, put off", kBefore, none, none, RunProgress::kRequested, false, kLater, true,
            false},
           {"put off", kBefore, kBefore, none, fresh, false, kLater, true, false},
           {"put off until now", kBefore, kBefore, none, fresh, false, kNow, true, true},
           {"done", kBefore, kBefore, none, RunProgress::kDone, true, past, false, false}}) {
    const model::Offer offer =
        MakeOffer("CEN00042", test.offer_after, test.mandatory_after, test.expires_after);
    const OfferFacts facts = {.offer = &offer,
                              .progress = test.progress,
                              .is_accepted = test.is_accepted,
                              .not_before = test.not_before};
    EXPECT_EQ(IsShown(facts, kNow), test.is_shown) << test.name;
    EXPECT_EQ(IsDue(facts, kNow), test.is_due) << test.name;
  }
}

TEST(OfferRulesTest, RunsMandatoryOnesFirstThenTheOldest) {
  const model::Offer young = MakeOffer("CEN00041", kBefore);
  const model::Offer old = MakeOffer("CEN00044", kBefore - absl::Hours(1));
  const model::Offer mandatory = MakeOffer("CEN00043", kBefore, kBefore);
  const model::Offer also_mandatory = MakeOffer("CEN00042", kBefore, kBefore);
  std::vector<OfferFacts> facts = {{.offer = &young, .is_accepted = true},
                                   {.offer = &old, .is_accepted = true},
                                   {.offer = &mandatory},
                                   {.offer = &also_mandatory}};
  for (const model::Offer* expected : {&also_mandatory, &mandatory, &old, &young}) {
    ASSERT_EQ(ChooseNext(facts, kNow), expected);
    for (OfferFacts& one : facts) {
      if (one.offer == expected) one.progress = RunProgress::kDone;
    }
  }
  EXPECT_EQ(ChooseNext(facts, kNow), nullptr);
}

TEST(OfferRulesTest, KnowsWhenTheClockAloneChangesSomething) {
  const model::Offer coming = MakeOffer("CEN00041", kLater);
  const model::Offer optional = MakeOffer("CEN00042", kBefore, kNow + absl::Minutes(5));
  EXPECT_EQ(NextChange({}, kNow), absl::InfiniteFuture());
  EXPECT_EQ(NextChange({{.offer = &coming}}, kNow), kLater);
  EXPECT_EQ(NextChange({{.offer = &coming}, {.offer = &optional}}, kNow), kNow + absl::Minutes(5));
  EXPECT_EQ(NextChange({{.offer = &coming, .progress = RunProgress::kDone}}, kNow),
            absl::InfiniteFuture());
  const OfferFacts put_off = {.offer = &optional, .not_before = kNow + absl::Seconds(2)};
  EXPECT_EQ(NextChange({put_off}, kNow), kNow + absl::Seconds(2));
}

}  // namespace
}  // namespace waybill::pcm
