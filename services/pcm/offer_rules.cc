#include "services/pcm/offer_rules.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include "absl/time/time.h"

#include "common/model/definition_file.h"

namespace waybill::pcm {

bool IsShown(const OfferFacts& facts, absl::Time now) {
  const model::Offer& offer = *facts.offer;
  switch (facts.progress) {
    case RunProgress::kDone:
      return false;
    case RunProgress::kRequested:
      return true;
    case RunProgress::kNone:
      break;
  }
  return offer.offer_after <= now &&
         (!offer.expires_after.has_value() || *offer.expires_after > now);
}

bool IsMandatory(const model::Offer& offer, absl::Time now) {
  return offer.mandatory_after.has_value() && *offer.mandatory_after <= now;
}

bool IsDue(const OfferFacts& facts, absl::Time now) {
  return IsShown(facts, now) && facts.not_before <= now &&
         (facts.progress == RunProgress::kRequested || facts.is_accepted ||
          IsMandatory(*facts.offer, now));
}

const model::Offer* ChooseNext(const std::vector<OfferFacts>& offers, absl::Time now) {
  const auto rank = [now](const model::Offer& offer) {
    return std::make_tuple(!IsMandatory(offer, now), offer.offer_after, offer.job_id);
  };
  const model::Offer* best = nullptr;
  for (const OfferFacts& facts : offers) {
    if (IsDue(facts, now) && (best == nullptr || rank(*facts.offer) < rank(*best))) {
      best = facts.offer;
    }
  }
  return best;
}

absl::Time NextChange(const std::vector<OfferFacts>& offers, absl::Time now) {
  absl::Time next = absl::InfiniteFuture();
  const auto consider = [&](absl::Time time) {
    if (time > now) next = std::min(next, time);
  };
  for (const OfferFacts& facts : offers) {
    if (facts.progress == RunProgress::kDone) continue;
    consider(facts.offer->offer_after);
    consider(facts.offer->mandatory_after.value_or(absl::InfiniteFuture()));
    consider(facts.not_before);
  }
  return next;
}

}  // namespace waybill::pcm
