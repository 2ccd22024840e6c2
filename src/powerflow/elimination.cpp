#include "elimination.hpp"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>

namespace dec::powerflow {

namespace {

/// A complex matrix as a real one on real and imaginary parts in turn.
template <int N, int M>
Eigen::Matrix<double, 2 * N, 2 * M> real(Eigen::Matrix<Complex, N, M> const& c) {
    Eigen::Matrix<double, 2 * N, 2 * M> r;
    for (int i = 0; i < N; ++i)
        for (int k = 0; k < M; ++k) {
            r(2 * i, 2 * k) = r(2 * i + 1, 2 * k + 1) = c(i, k).real();
            r(2 * i + 1, 2 * k) = c(i, k).imag();
            r(2 * i, 2 * k + 1) = -c(i, k).imag();
        }
    return r;
}
Eigen::MatrixXd real_of(Eigen::MatrixXcd const& c) {
    Eigen::MatrixXd r(2 * c.rows(), 2 * c.cols());
    for (Eigen::Index i = 0; i < c.rows(); ++i)
        for (Eigen::Index k = 0; k < c.cols(); ++k)
            r.block<2, 2>(2 * i, 2 * k) << c(i, k).real(), -c(i, k).imag(), c(i, k).imag(), c(i, k).real();
    return r;
}

/// Calls `work` with the numbers of phases, 1 to 3 each, as constants.
template <class Work>
auto with_sizes(int n, int m, Work&& work) {
    switch (3 * n + m) {
        case 4: return work.template operator()<1, 1>();
        case 5: return work.template operator()<1, 2>();
        case 6: return work.template operator()<1, 3>();
        case 7: return work.template operator()<2, 1>();
        case 8: return work.template operator()<2, 2>();
        case 9: return work.template operator()<2, 3>();
        case 10: return work.template operator()<3, 1>();
        case 11: return work.template operator()<3, 2>();
        default: return work.template operator()<3, 3>();
    }
}

Eigen::Matrix3cd padded(Eigen::MatrixXcd const& m) {
    Eigen::Matrix3cd p = Eigen::Matrix3cd::Zero();
    p.topLeftCorner(m.rows(), m.cols()) = m;
    return p;
}

/// Below this reciprocal condition a block has lost all its digits: nothing determines its voltages.
constexpr double singular = 1e-15;

}  // namespace

Elimination::Elimination(partition::Piece const& piece, partition::TreeExchange& exchange)
    : piece_{piece}, exchange_{exchange}, places_(piece.own), series_(piece.own),
      shunt_up_(piece.own, Eigen::Matrix3cd::Zero()), shunt_down_(piece.own, Eigen::Matrix3cd::Zero()),
      admittance_(36 * piece.vertices.size(), 0.0), message_(width * piece.vertices.size(), 0.0) {
    std::size_t down = 0, up = 0;
    for (std::size_t j = 0; j < piece.own; ++j) {
        auto const& vertex = piece.vertices[j];
        auto& place = places_[j];
        place.size = static_cast<std::int8_t>(vertex.phases.size());
        place.root = vertex.parent < 0;
        if (place.root) continue;
        place.parent_size =
            static_cast<std::int8_t>(piece.vertices[static_cast<std::size_t>(vertex.parent)].phases.size());
        auto const n = static_cast<std::size_t>(place.size), m = static_cast<std::size_t>(place.parent_size);
        place.down_at = down;
        place.up_at = up;
        down += 4 * n * (m + n);
        up += 4 * n * m;
    }
    down_.resize(down);
    up_.resize(up);
}

void Elimination::set_branch(std::size_t j, Branch const& branch) {
    shunt_up_[j] = padded(branch.shunt_up);
    shunt_down_[j] = padded(branch.shunt_down);
    auto& place = places_[j];
    if (auto const series = in_series(branch)) {
        series_[j] = {padded(series->up), padded(series->impedance)};
        return;
    }
    if (place.coils < 0) {
        place.coils = static_cast<std::int32_t>(coils_.size());
        coils_.emplace_back();
    }
    coils_[static_cast<std::size_t>(place.coils)] = branch;
}

template <int N, int M>
bool Elimination::factor_series(std::size_t j, Block const& below, Block& message) {
    using Square = Eigen::Matrix<double, 2 * N, 2 * N>;
    auto const& place = places_[j];
    Eigen::Matrix<Complex, N, M> const ratio = series_[j].ratio.template topLeftCorner<N, M>();
    Eigen::Matrix<double, 2 * N, 2 * M> const r = real<N, M>(ratio);
    Eigen::Matrix<double, 2 * M, 2 * N> const r_t = real<M, N>(ratio.transpose());
    Square const z = real<N, N>(series_[j].impedance.template topLeftCorner<N, N>());
    Square const y = below.topLeftCorner<2 * N, 2 * N>();
    Eigen::PartialPivLU<Square> const lu{Square::Identity() + z * y};
    if (!(lu.rcond() > singular)) return false;
    Eigen::Map<Eigen::Matrix<double, 2 * N, 2 * M>> p{down_.data() + place.down_at};
    Eigen::Map<Square> q{down_.data() + place.down_at + 4 * N * M};
    p = lu.solve(r);
    q = lu.solve(z);
    Eigen::Map<Eigen::Matrix<double, 2 * M, 2 * N>> u{up_.data() + place.up_at};
    u = r_t * (Square::Identity() - y * q);
    message.topLeftCorner<2 * M, 2 * M>() = r_t * (y * p) + real<M, M>(shunt_up_[j].template topLeftCorner<M, M>());
    return true;
}

bool Elimination::factor_coils(std::size_t j, Block const& below, Block& message) {
    auto const& place = places_[j];
    auto const& c = coils_[static_cast<std::size_t>(place.coils)];
    auto const k = 2 * c.down.rows(), n = 2 * c.down.cols(), m = 2 * c.up.cols();
    Eigen::MatrixXd system = Eigen::MatrixXd::Zero(k + n, k + n);
    system.topLeftCorner(k, k) = real_of(c.impedance);
    system.topRightCorner(k, n) = real_of(c.down);
    system.bottomLeftCorner(n, k) = real_of(c.down.transpose());
    system.bottomRightCorner(n, n) = -below.topLeftCorner(n, n);
    Eigen::PartialPivLU<Eigen::MatrixXd> const lu{system};
    if (!(lu.rcond() > singular)) return false;
    Eigen::MatrixXd right = Eigen::MatrixXd::Zero(k + n, m + n);
    right.topLeftCorner(k, m) = real_of(c.up);
    right.bottomRightCorner(n, n).setIdentity();
    Eigen::MatrixXd const x = lu.solve(right);
    Eigen::MatrixXd const up_t = real_of(c.up.transpose());
    Eigen::Map<Eigen::MatrixXd>{down_.data() + place.down_at, n, m} = x.bottomLeftCorner(n, m);
    Eigen::Map<Eigen::MatrixXd>{down_.data() + place.down_at + static_cast<std::size_t>(n * m), n, n} =
        -x.bottomRightCorner(n, n);
    Eigen::Map<Eigen::MatrixXd>{up_.data() + place.up_at, m, n} = up_t * x.topRightCorner(k, n);
    message.topLeftCorner(m, m) = up_t * x.topLeftCorner(k, m) + real_of(shunt_up_[j]).topLeftCorner(m, m);
    return true;
}

std::int32_t Elimination::factor(std::function<Block(std::size_t)> const& own) {
    std::int32_t undetermined = -1;
    exchange_.up(admittance_, 36, [&](partition::VertexRange range) {
        for (auto j = range.end - 1; j >= range.begin; --j) {
            auto const at = static_cast<std::size_t>(j);
            auto const& vertex = piece_.vertices[at];
            Block below = own(at) + real<3, 3>(shunt_down_[at]);
            for (std::int32_t c = 0; c < vertex.children; ++c) {
                auto const child = piece_.children[static_cast<std::size_t>(vertex.first_child + c)];
                below += Eigen::Map<Block const>{admittance_.data() + 36 * static_cast<std::size_t>(child)};
            }
            auto const& place = places_[at];
            if (place.root) continue;
            Block message = Block::Zero();
            bool const fine = place.coils >= 0 ? factor_coils(at, below, message)
                                               : with_sizes(place.size, place.parent_size, [&]<int N, int M>() {
                                                     return factor_series<N, M>(at, below, message);
                                                 });
            if (!fine) undetermined = j;
            Eigen::Map<Block>{admittance_.data() + 36 * at} = message;
        }
    });
    return undetermined;
}

void Elimination::climb(partition::VertexRange range) {
    for (auto j = range.end - 1; j >= range.begin; --j) {
        auto const at = static_cast<std::size_t>(j);
        auto const& vertex = piece_.vertices[at];
        Eigen::Map<Eigen::Matrix<double, 6, 1>> drawn{current_.data() + width * at};
        for (std::int32_t c = 0; c < vertex.children; ++c) {
            auto const child = piece_.children[static_cast<std::size_t>(vertex.first_child + c)];
            drawn += Eigen::Map<Eigen::Matrix<double, 6, 1> const>{message_.data() +
                                                                   width * static_cast<std::size_t>(child)};
        }
        auto const& place = places_[at];
        if (place.root) continue;
        with_sizes(place.size, place.parent_size, [&]<int N, int M>() {
            Eigen::Map<Eigen::Matrix<double, 2 * M, 2 * N> const> const u{up_.data() + place.up_at};
            Eigen::Map<Eigen::Matrix<double, 2 * M, 1>>{message_.data() + width * at}.noalias() =
                u * drawn.head<2 * N>();
        });
    }
}

void Elimination::descend(partition::VertexRange range) {
    for (auto j = range.begin; j < range.end; ++j) {
        auto const at = static_cast<std::size_t>(j);
        auto const& place = places_[at];
        if (place.root) continue;
        auto const parent = static_cast<std::size_t>(piece_.vertices[at].parent);
        with_sizes(place.size, place.parent_size, [&]<int N, int M>() {
            using Vector = Eigen::Matrix<double, 2 * N, 1>;
            Eigen::Map<Eigen::Matrix<double, 2 * N, 2 * M> const> const p{down_.data() + place.down_at};
            Eigen::Map<Eigen::Matrix<double, 2 * N, 2 * N> const> const q{down_.data() + place.down_at + 4 * N * M};
            Eigen::Map<Eigen::Matrix<double, 2 * M, 1> const> const above{voltage_.data() + width * parent};
            Eigen::Map<Vector const> const drawn{current_.data() + width * at};
            Eigen::Map<Vector> v{voltage_.data() + width * at};
            Vector const now = p * above - q * drawn;
            for (int k = 0; k < N; ++k) {
                double const moved = (now.template segment<2>(2 * k) - v.template segment<2>(2 * k)).squaredNorm();
                // Also true for what is not a number.
                if (!(moved <= change_sq_)) change_sq_ = moved;
            }
            v = now;
        });
    }
}

double Elimination::solve(std::span<double> current, std::span<double> voltage) {
    current_ = current;
    voltage_ = voltage;
    change_sq_ = 0.0;
    exchange_.up(message_, width, [this](partition::VertexRange range) { climb(range); });
    exchange_.down(voltage_, width, [this](partition::VertexRange range) { descend(range); });
    return change_sq_;
}

void Elimination::solve_transposed(std::span<double> weight, std::span<double> gradient) {
    using Row = Eigen::Map<Eigen::Matrix<double, 6, 1>>;
    auto const row = [](std::span<double> rows, std::int32_t j) {
        return Row{rows.data() + width * static_cast<std::size_t>(j)};
    };
    exchange_.up(message_, width, [&](partition::VertexRange range) {
        for (auto j = range.end - 1; j >= range.begin; --j) {
            auto const at = static_cast<std::size_t>(j);
            auto const& vertex = piece_.vertices[at];
            auto here = row(weight, j);
            for (std::int32_t c = 0; c < vertex.children; ++c)
                here += row(message_, piece_.children[static_cast<std::size_t>(vertex.first_child + c)]);
            auto const& place = places_[at];
            if (place.root) continue;
            auto message = row(message_, j);
            message.setZero();
            with_sizes(place.size, place.parent_size, [&]<int N, int M>() {
                Eigen::Map<Eigen::Matrix<double, 2 * N, 2 * M> const> const p{down_.data() + place.down_at};
                message.template head<2 * M>() = p.transpose() * here.template head<2 * N>();
            });
        }
    });
    exchange_.down(gradient, width, [&](partition::VertexRange range) {
        for (auto j = range.begin; j < range.end; ++j) {
            auto const& place = places_[static_cast<std::size_t>(j)];
            auto here = row(gradient, j);
            here.setZero();
            if (place.root) continue;
            auto const above = row(gradient, piece_.vertices[static_cast<std::size_t>(j)].parent);
            with_sizes(place.size, place.parent_size, [&]<int N, int M>() {
                Eigen::Map<Eigen::Matrix<double, 2 * N, 2 * N> const> const q{down_.data() + place.down_at + 4 * N * M};
                Eigen::Map<Eigen::Matrix<double, 2 * M, 2 * N> const> const u{up_.data() + place.up_at};
                here.template head<2 * N>() = u.transpose() * above.template head<2 * M>() -
                                              q.transpose() * row(weight, j).template head<2 * N>();
            });
        }
    });
}

void Elimination::bring(std::span<double> current, std::span<double const> voltage) {
    using Row = Eigen::Map<Eigen::Vector3cd>;
    auto const row = [](std::span<double> rows, std::size_t at) {
        return Row{reinterpret_cast<Complex*>(rows.data()) + 3 * at};
    };
    auto const volts = [&](std::size_t at) {
        return Eigen::Map<Eigen::Vector3cd const>{reinterpret_cast<Complex const*>(voltage.data()) + 3 * at};
    };
    std::ranges::fill(message_, 0.0);
    exchange_.up(message_, width, [&](partition::VertexRange range) {
        for (auto j = range.end - 1; j >= range.begin; --j) {
            auto const at = static_cast<std::size_t>(j);
            auto const& vertex = piece_.vertices[at];
            auto const& place = places_[at];
            Row arriving = row(current, at);
            for (std::int32_t c = 0; c < vertex.children; ++c)
                arriving +=
                    row(message_,
                        static_cast<std::size_t>(piece_.children[static_cast<std::size_t>(vertex.first_child + c)]));
            if (place.root) continue;
            auto const parent = static_cast<std::size_t>(vertex.parent);
            arriving += shunt_down_[at] * volts(at);
            Row message = row(message_, at);
            message = shunt_up_[at] * volts(parent);
            if (place.coils < 0) {
                message += series_[at].ratio.transpose() * arriving;
                continue;
            }
            auto const& branch = coils_[static_cast<std::size_t>(place.coils)];
            auto const n = branch.down.cols(), m = branch.up.cols();
            message.head(m) += branch.up.transpose() *
                               coil_currents(branch, arriving.head(n), volts(parent).head(m), volts(at).head(n));
        }
    });
}

}  // namespace dec::powerflow
