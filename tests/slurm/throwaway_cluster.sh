#!/usr/bin/env bash
# A real Slurm cluster on this one machine, loopback only, thrown away after use. Needs root.
#
#   eval "$(throwaway_cluster.sh up DIR)"      # about a second; exports SLURM_CONF and a PATH with two wrappers
#   throwaway_cluster.sh status DIR
#   throwaway_cluster.sh down DIR
#
# Nodes n1 and n2 (partition cpu), and g1 with two pretended GPUs (partitions gpu-small, and gpu-prio, which pre-empts it).
# Debian packages: slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge, without recommended ones; for ACCT=1 also
# slurmdbd and mariadb-server.
#
# Variables: NCPU (4), NMEM (16000 MB) of each node; they need not exist. ACCT=1: accounting with slurmdbd and MariaDB, for
# sacct and submitit (delete DIR between runs: job ids start again, the database does not). SLURM_EXTRA_CONF: lines for
# slurm.conf. LONGPOLL=0: without the squeue wrapper.
#
# The wrappers are for tests; a real site needs none. srun, scontrol: Snakemake's jobstep plugin strips SLURM_CONF from its
# environment, and this cluster's configuration is not at the default place. squeue: the executor polls at intervals that
# grow by 10 s, so the wrapper blocks until a job of the run ends.
set -euo pipefail

COMMAND=${1:?up, down or status}
DIR=$(realpath -m "${2:?directory of the cluster}")
NCPU=${NCPU:-4}
NMEM=${NMEM:-16000}
ACCT=${ACCT:-0}
HOST=$(hostname -s)
DAEMONS="n1 n2 g1 slurmctld slurmdbd mariadb munged"
PATH=${PATH//"$DIR/bin:"/} # the wrappers of an earlier start are not the programs themselves
SRUN=$(command -v srun || true)
SQUEUE=$(command -v squeue || true)
SCONTROL=$(command -v scontrol || true)
export SLURM_CONF=$DIR/etc/slurm.conf

alive() {
    local pid
    pid=$(cat "$DIR/run/$1.pid" 2>/dev/null) && [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null
}

wait_for() { # WHAT SECONDS COMMAND...
    local what=$1 seconds=$2
    shift 2
    for _ in $(seq $((seconds * 10))); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    echo "timeout after $seconds s: $what" >&2
    tail -n 20 "$DIR"/log/*.log >&2
    return 1
}

free_ports() {
    python3 - "$1" <<'P'
import socket, sys
sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
[s.bind(("127.0.0.1", 0)) for s in sockets]
print(*[s.getsockname()[1] for s in sockets])
P
}

print_exports() {
    printf 'export SLURM_CONF=%q PATH=%q:"$PATH"\n' "$SLURM_CONF" "$DIR/bin"
}

down() {
    local daemon pid
    if alive slurmctld; then timeout 10 scancel --user=root 2>/dev/null || true; fi
    for daemon in $DAEMONS; do
        alive "$daemon" || continue
        pid=$(cat "$DIR/run/$daemon.pid")
        kill "$pid" 2>/dev/null || true
        for _ in $(seq 50); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -9 "$pid" 2>/dev/null || true
    done
    for daemon in $DAEMONS; do rm -f "$DIR/run/$daemon.pid"; done
}

write_slurm_conf() {
    local ctld_port=$1 n1_port=$2 n2_port=$3 g1_port=$4
    cat >"$SLURM_CONF" <<C
ClusterName=throwaway
SlurmctldHost=$HOST(127.0.0.1)
SlurmctldPort=$ctld_port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$DIR/run/munge.sock,cred_expire=5
CredType=cred/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,batch_sched_delay=0,sched_min_interval=0,bf_interval=1,default_queue_depth=1000,requeue_delay=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
EnforcePartLimits=ALL
JobRequeue=1
ReturnToService=2
SlurmdParameters=config_overrides
GresTypes=gpu
MinJobAge=3600
KillWait=5
OverTimeLimit=0
SlurmdTimeout=6
SlurmctldTimeout=10
InactiveLimit=0
MailProg=/bin/true
StateSaveLocation=$DIR/state
SlurmdSpoolDir=$DIR/spool/%n
SlurmctldPidFile=$DIR/run/slurmctld.pid
SlurmdPidFile=$DIR/run/%n.pid
SlurmctldLogFile=$DIR/log/slurmctld.log
SlurmdLogFile=$DIR/log/%n.log
SlurmctldDebug=info
SlurmdDebug=info
JobCompType=jobcomp/filetxt
JobCompLoc=$DIR/log/jobcomp.txt
NodeName=DEFAULT CPUs=$NCPU RealMemory=$NMEM State=UNKNOWN
NodeName=n1 NodeHostname=$HOST NodeAddr=127.0.0.1 Port=$n1_port
NodeName=n2 NodeHostname=$HOST NodeAddr=127.0.0.1 Port=$n2_port
NodeName=g1 NodeHostname=$HOST NodeAddr=127.0.0.1 Port=$g1_port Gres=gpu:2
PartitionName=DEFAULT MaxTime=1440 DefaultTime=5 DefMemPerCPU=100 State=UP
PartitionName=cpu Nodes=n1,n2 Default=YES PriorityTier=1
PartitionName=gpu-small Nodes=g1 PriorityTier=1 GraceTime=10
PartitionName=gpu-prio Nodes=g1 PriorityTier=10
${SLURM_EXTRA_CONF:-}
C
    mkdir -p "$DIR/dev"
    : >"$DIR/dev/fakegpu0"
    : >"$DIR/dev/fakegpu1"
    printf 'NodeName=g1 Name=gpu File=%s/dev/fakegpu[0-1]\n' "$DIR" >"$DIR/etc/gres.conf"
}

write_wrappers() {
    mkdir -p "$DIR/bin"
    printf '#!/bin/sh\nSLURM_CONF=%s exec %s "$@"\n' "$SLURM_CONF" "$SRUN" >"$DIR/bin/srun"
    printf '#!/bin/sh\nSLURM_CONF=%s exec %s "$@"\n' "$SLURM_CONF" "$SCONTROL" >"$DIR/bin/scontrol"
    chmod 755 "$DIR/bin/srun" "$DIR/bin/scontrol"
    rm -f "$DIR/bin/squeue"
    [ "${LONGPOLL:-1}" = 1 ] || return 0
    cat >"$DIR/bin/squeue" <<Q
#!/bin/bash
export SLURM_CONF=$SLURM_CONF
case " \$* " in *" --states=all "*--name*) ;; *) exec $SQUEUE "\$@" ;; esac
seen=$DIR/run/squeue.\${!#}
before=\$(cat "\$seen" 2>/dev/null)
end=\$((SECONDS + 45)) # the executor gives a call 60 s; on a busy machine turns take longer than they wait
while [ \$SECONDS -lt \$end ]; do
    out=\$($SQUEUE "\$@") || exit
    ended=\$(grep -vE '[|](PENDING|CONFIGURING|RUNNING|COMPLETING|SUSPENDED|REQUEUED|RESIZING)' <<<"\$out" | sort)
    [ "\$ended" != "\$before" ] && break
    sleep 0.2
done
printf '%s' "\$ended" >"\$seen"
printf '%s\n' "\$out"
Q
    chmod 755 "$DIR/bin/squeue"
}

start_munge() {
    chmod 700 "$DIR/munge"
    [ -s "$DIR/munge/key" ] || (umask 077 && head -c 128 /dev/urandom >"$DIR/munge/key")
    munged --force --key-file="$DIR/munge/key" --socket="$DIR/run/munge.sock" --pid-file="$DIR/run/munged.pid" \
        --log-file="$DIR/log/munged.log" --seed-file="$DIR/munge/seed" --num-threads=2
    wait_for munge 10 munge -S "$DIR/run/munge.sock" -n
}

start_accounting() {
    local port=$1
    install -d -m 755 "$DIR/db"
    [ -d "$DIR/db/data/mysql" ] || mariadb-install-db --user=root --datadir="$DIR/db/data" \
        --auth-root-authentication-method=normal --skip-test-db >"$DIR/log/mariadb-install.log" 2>&1
    mariadbd --no-defaults --user=root --datadir="$DIR/db/data" --socket="$DIR/run/mysql.sock" \
        --pid-file="$DIR/run/mariadb.pid" --skip-networking --skip-grant-tables --innodb-buffer-pool-size=64M \
        --innodb-lock-wait-timeout=900 --innodb-flush-log-at-trx-commit=0 --log-error="$DIR/log/mariadb.log" \
        >/dev/null 2>&1 </dev/null &
    wait_for mariadb 20 test -S "$DIR/run/mysql.sock"
    cat >"$DIR/etc/slurmdbd.conf" <<C
AuthType=auth/munge
AuthInfo=socket=$DIR/run/munge.sock
DbdHost=$HOST
DbdAddr=127.0.0.1
DbdPort=$port
CommunicationParameters=NoInAddrAny
SlurmUser=root
PidFile=$DIR/run/slurmdbd.pid
LogFile=$DIR/log/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=slurm_acct
C
    chmod 600 "$DIR/etc/slurmdbd.conf"
    cat >>"$SLURM_CONF" <<C
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$port
AccountingStoragePass=$DIR/run/munge.sock
C
    MYSQL_UNIX_PORT="$DIR/run/mysql.sock" slurmdbd
    wait_for slurmdbd 10 timeout 3 sacctmgr -n show cluster
}

up() {
    local ctld_port dbd_port n1_port n2_port g1_port node
    if alive slurmctld && alive n1 && alive g1 && timeout 5 scontrol ping >/dev/null 2>&1; then
        print_exports
        return
    fi
    down
    install -d -m 755 "$DIR" "$DIR"/{etc,run,log,state,spool,munge}
    rm -rf "$DIR"/state/* "$DIR"/spool/*
    mkdir -p "$DIR"/spool/{n1,n2,g1}
    read -r ctld_port dbd_port n1_port n2_port g1_port < <(free_ports 5)
    write_slurm_conf "$ctld_port" "$n1_port" "$n2_port" "$g1_port"
    start_munge
    if [ "$ACCT" = 1 ]; then start_accounting "$dbd_port"; fi
    write_wrappers
    slurmctld -f "$SLURM_CONF"
    wait_for slurmctld 15 timeout 2 scontrol ping
    for node in n1 n2 g1; do slurmd -N "$node" -f "$SLURM_CONF"; done
    wait_for nodes 30 sh -c "sinfo -h -N -o '%N %T' | sort -u | awk '\$2 != \"idle\" { busy = 1 } END { exit busy || NR < 3 }'"
    print_exports
}

case $COMMAND in
    up) up ;;
    down)
        down
        echo "down: $DIR"
        ;;
    status)
        for daemon in $DAEMONS; do
            if alive "$daemon"; then echo "$daemon up ($(cat "$DIR/run/$daemon.pid"))"; else echo "$daemon down"; fi
        done
        timeout 5 sinfo || true
        ;;
    *)
        echo "unknown command: $COMMAND (up, down or status)" >&2
        exit 2
        ;;
esac
