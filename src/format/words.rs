//! What the words of a metric's name tell about it.

/// Words of metrics that training brings down.
const DOWN: &[&str] = &[
    "loss",
    "losses",
    "logloss",
    "nll",
    "error",
    "errors",
    "err",
    "mse",
    "rmse",
    "rmsle",
    "mae",
    "mape",
    "smape",
    "perplexity",
    "ppl",
    "wer",
    "cer",
    "fid",
    "latency",
    "duration",
    "time",
    "rank",
    "brier",
];

/// Words of metrics that training brings up.
const UP: &[&str] = &[
    "acc",
    "accuracy",
    "auc",
    "auroc",
    "auprc",
    "f1",
    "r2",
    "precision",
    "recall",
    "score",
    "bleu",
    "rouge",
    "meteor",
    "iou",
    "miou",
    "dice",
    "jaccard",
    "map",
    "ap",
    "ndcg",
    "mrr",
    "mcc",
    "kappa",
    "reward",
    "return",
    "psnr",
    "ssim",
    "throughput",
    "fps",
    "specificity",
    "sensitivity",
];

/// Words after which the rest says nothing: the spread of a score is neither good nor bad.
const NEITHER: &[&str] = &["std", "stddev", "var", "variance"];

/// A guess whether a higher value of a metric is the better one, from the words of its name; `None` when they do not
/// tell. Words of cost win (`rank_test_score` is a rank), unless they are negated (`neg_mean_squared_error`).
pub fn higher_is_better(name: &str) -> Option<bool> {
    let words = words(name);
    let any = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    if any(NEITHER) {
        None
    } else if any(DOWN) {
        Some(any(&["neg", "negative"]))
    } else {
        any(UP).then_some(true)
    }
}

/// The words of a name in small letters: parts between other characters (`f1`), and those parts without their
/// digits (`acc` of `acc1`) and split where a capital follows a small letter (`valLoss`).
fn words(name: &str) -> Vec<String> {
    let mut out = Vec::new();
    for part in name.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()) {
        out.push(part.to_lowercase());
        let mut word = String::new();
        let mut small = false;
        for c in part.chars() {
            if c.is_numeric() || (small && c.is_uppercase()) {
                out.push(std::mem::take(&mut word));
            }
            if !c.is_numeric() {
                word.extend(c.to_lowercase());
            }
            small = c.is_lowercase();
        }
        out.push(word);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses() {
        for name in [
            "loss",
            "val_loss",
            "valLoss",
            "train/loss",
            "RMSE",
            "eval.wer",
            "rank_test_score",
            "mean_fit_time",
            "error_rate",
            "loss1",
            "mean_absolute_error",
        ] {
            assert_eq!(higher_is_better(name), Some(false), "{name}");
        }
        for name in [
            "acc",
            "val_accuracy",
            "mean_test_score",
            "f1",
            "f1_macro",
            "F1-Score",
            "r2",
            "top5_acc",
            "acc1",
            "mAP",
            "map50",
            "roc_auc",
            "neg_mean_squared_error",
            "valAcc",
            "reward/mean",
        ] {
            assert_eq!(higher_is_better(name), Some(true), "{name}");
        }
        for name in ["", "lr", "epoch", "glossary", "accelerate", "std_test_score", "损失", "timer_x"] {
            assert_eq!(higher_is_better(name), None, "{name}");
        }
    }
}
