#include "mixing.hpp"

#include <Eigen/QR>

namespace dec::coordination {

Mixer::Mixer(Mixing mixing, std::size_t memory, Eigen::VectorXd const& start) : mixing_{mixing}, memory_{memory} {
    if (mixing == Mixing::moving_average) found_.assign(memory - 1, start);
}

Eigen::VectorXd Mixer::next(Eigen::VectorXd const& tried, Eigen::VectorXd const& found) {
    tried_.push_back(tried);
    found_.push_back(found);
    // As many differences as rounds are remembered need one round more.
    std::size_t const most = mixing_ == Mixing::anderson ? memory_ + 1 : memory_;
    while (found_.size() > most) found_.pop_front();
    while (tried_.size() > most) tried_.pop_front();
    if (mixing_ == Mixing::anderson) return anderson();
    Eigen::VectorXd sum = found_.front();
    for (std::size_t i = 1; i < found_.size(); ++i) sum += found_[i];
    return sum / static_cast<double>(found_.size());
}

/// Source: Walker and Ni, SIAM J. Numer. Anal. 49(4), 2011.
Eigen::VectorXd Mixer::anderson() const {
    // Part of the way that the found voltages ask for: agents answer too strongly rather than too weakly, since none of them
    // knows that the others answer too.
    constexpr double part = 0.5;
    auto const residual = [this](std::size_t i) -> Eigen::VectorXd { return found_[i] - tried_[i]; };
    auto const last = tried_.size() - 1;
    Eigen::VectorXd x = tried_[last], f = residual(last);
    if (last > 0) {
        Eigen::MatrixXd df{f.size(), static_cast<Eigen::Index>(last)}, dx{f.size(), static_cast<Eigen::Index>(last)};
        for (std::size_t i = 0; i < last; ++i) {
            df.col(static_cast<Eigen::Index>(i)) = residual(i + 1) - residual(i);
            dx.col(static_cast<Eigen::Index>(i)) = tried_[i + 1] - tried_[i];
        }
        if (df.cwiseAbs().maxCoeff() == 0.0) return x + part * f;
        Eigen::ColPivHouseholderQR<Eigen::MatrixXd> const qr{df};
        Eigen::VectorXd const weight = qr.solve(f);
        x -= dx * weight;
        f -= df * weight;
    }
    return x + part * f;
}

}  // namespace dec::coordination
