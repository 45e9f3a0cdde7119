#ifndef WAYBILL_SERVICES_PCM_OFFER_RULES_H_
#define WAYBILL_SERVICES_PCM_OFFER_RULES_H_

#include <optional>
#include <vector>

#include "absl/time/time.h"

#include "common/model/definition_file.h"

/// Which offers a workstation shows and runs, and when. Pure; all times are by the site's clock.
namespace waybill::pcm {

/// How far a job has come on this workstation.
enum class RunProgress {
  kNone,       ///< Never asked for.
  kRequested,  ///< Leave to run was asked for; nothing was started.
  kDone,       ///< Started, ended or refused: it never runs again.
};

/// One offer with what the workstation knows of it. Borrows the offer.
struct OfferFacts {
  const model::Offer* offer = nullptr;
  RunProgress progress = RunProgress::kNone;
  bool is_accepted = false;                      ///< Somebody chose to run it.
  absl::Time not_before = absl::InfinitePast();  ///< The site could not be asked until then.
};

/// Offer After has passed, Expires After has not, and it has not run. One that leave was asked for
/// stays: the site may have granted it, and waits for the end.
bool IsShown(const OfferFacts& facts, absl::Time now);

/// It is shown, and Mandatory After has passed: nobody is asked any more.
bool IsMandatory(const model::Offer& offer, absl::Time now);

/// To be run now: it is shown, not put off, and it is mandatory, accepted, or was begun.
bool IsDue(const OfferFacts& facts, absl::Time now);

/// What runs next: mandatory ones first, then by Offer After, then by job id. Null if none is due.
const model::Offer* ChooseNext(const std::vector<OfferFacts>& offers, absl::Time now);

/// When an offer may become shown or due by the clock alone; InfiniteFuture if never.
absl::Time NextChange(const std::vector<OfferFacts>& offers, absl::Time now);

}  // namespace waybill::pcm

#endif  // WAYBILL_SERVICES_PCM_OFFER_RULES_H_
